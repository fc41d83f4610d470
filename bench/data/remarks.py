"""What an import says about itself: what it recognised and why, and what a careful person would want to know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from bench.data.labels import frequent
from bench.data.observations import UNSPECIFIED
from bench.data.reading import Hints, Reading, Table
from methods.conditions import CONTROL

if TYPE_CHECKING:
    from anndata import AnnData

_GUIDE_FLAGS = ("single_guide", "good_coverage")
_POOLED = ("stim", "stimulation", "time", "timepoint", "treatment")
_DOSES = ("dose", "dose_val", "dose_value")


def recognised(reading: Reading, hints: Hints) -> list[tuple[str, str, str]]:
    """Rows (field, column, rule)."""
    column = f"obs.{reading.perturbation.name}"
    controls = ", ".join(sorted(reading.style.controls))
    rows = [
        ("layout", reading.layout, "said by --layout" if hints.layout else "recognised"),
        ("perturbation", column, reading.perturbation.rule),
        ("labels", f"{reading.style.modality}s", reading.style_rule),
        ("control", f"{column} = {controls}", "named by --control" if hints.controls else "usual name of a control"),
    ]
    rows += [("cell_type", f"obs.{each.name}", each.rule) for each in reading.cell_type]
    if not reading.cell_type:
        rows.append(("cell_type", UNSPECIFIED, "no column of a usual name"))
    if reading.style.modality == "treatment":
        dose, smiles = reading.dose, reading.smiles
        rows.append(("dose", f"obs.{dose.column.name}", dose.column.rule) if dose else ("dose", "none", "no column"))
        rows.append(("smiles", f"obs.{smiles.name}", smiles.rule) if smiles else ("smiles", "none", "no column"))
    return rows


def remarks(adata: AnnData, table: Table, reading: Reading, also: Iterable[str]) -> list[str]:
    """One sentence each.

    Parameters
    ----------
    adata
        The canonical data set.
    table
        The obs it was made from.
    reading
        How that was read.
    also
        Other layouts that read every cell alike.
    """
    obs = table.obs
    said = [f"layout {other} fits too and reads every cell alike" for other in also]
    empty = int((np.diff(adata.X.indptr) == 0).sum())
    if empty:
        said.append(f"{empty:,} cells have no count in any gene; they are kept, all zero")
    flags = {name: int((obs[name].astype(str) == "False").sum()) for name in _GUIDE_FLAGS if name in obs}
    said += [f"obs.{name} is False in {n:,} cells; `--keep {name}` leaves them out" for name, n in flags.items() if n]
    used = {reading.perturbation.name, *(column.name for column in reading.cell_type)}
    pooled = [name for name in _POOLED if name in obs and name not in used and obs[name].nunique() > 1]
    said += [
        f"obs.{name} ({frequent(obs[name], 3)}) is pooled; `--keep` or `--covariate-key` divides it" for name in pooled
    ]
    if reading.style.modality == "gene":
        said += [f"obs.{name} is not used: genes have no dose" for name in _DOSES if name in obs]
        perturbed = {gene for label in adata.obs["perturbation"].unique() for gene in label.split("+")} - {CONTROL}
        measured = sum(gene in adata.var_names for gene in perturbed)
        said.append(f"{measured} of {len(perturbed)} perturbed genes are among the {adata.n_vars:,} genes measured")
        return said
    without = sorted(set(adata.obs.loc[(adata.obs["smiles"] == "") & ~adata.obs["control"], "drug"]))
    if without:
        shown = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
        said.append(f"treatments without a structure: {len(without)} ({shown})")
    return said
