"""Importing a screen: recognise its layout, bring it to the canonical form, put it into the cache."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.data.canonical import SCHEMA, check_names, content_hash, write_dataset
from bench.data.columns import labels_of
from bench.data.dataset import Dataset, read_dataset, simulated_names
from bench.data.genes import canonical_genes, known_symbols
from bench.data.h5file import open_h5ad, read_frame
from bench.data.layouts import recognise
from bench.data.normalise import Normalised
from bench.data.observations import canonical_obs, kept_rows, labelled_cells
from bench.data.panel import PanelRule, cut_to_panel
from bench.data.reading import Hints, Reading, Table
from bench.data.remarks import recognised, remarks
from bench.data.scale import Scale
from bench.data.values import Source, Wish, read_genes, read_values
from bench.errors import DataError
from bench.hashing import hash_file
from bench.paths import dataset_path
from bench.splitting.seen import seen_by_every_task

if TYPE_CHECKING:
    from anndata import AnnData

_IMPORTER = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")


@dataclass(frozen=True)
class Request:
    """What to import, and what the user said about it.

    Parameters
    ----------
    file
        An h5ad file.
    name
        Name in the cache; ``None`` for one made from the file name.
    hints
        About the columns.
    wish
        About the values.
    keep
        (column, value) pairs; cells are kept that in each of the columns have one of the values named for it. A value
        ``None`` means true.
    drop_unlabelled
        Leave out cells without a perturbation label.
    force
        Replace a different data set of that name.
    panel
        Genes to keep, chosen from the cells that every checked-in task on this data set trains on; ``None`` for all.
    origin
        Further provenance: where the file came from.
    """

    file: Path
    name: str | None = None
    hints: Hints = field(default_factory=Hints)
    wish: Wish = field(default_factory=Wish)
    keep: tuple[tuple[str, str | None], ...] = ()
    drop_unlabelled: bool = False
    force: bool = False
    panel: PanelRule | None = None
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Parameters
    ----------
    dataset
        The data set, from the cache.
    recognised
        Rows (field, column, rule).
    scale
        What the values were recognised as, and why.
    notes
        Everything a careful person would want to know.
    written
        Whether the cache was changed: not if it held the very same data set.
    """

    dataset: Dataset
    recognised: tuple[tuple[str, str, str], ...]
    scale: Scale
    notes: tuple[str, ...]
    written: bool


def import_file(request: Request) -> Imported:
    """Import one file into the cache.

    Raises
    ------
    DataError
        If the file, its layout, its values or its name will not do; the message says what to change. The cache is then
        as it was.
    """
    from anndata import AnnData

    name = _dataset_name(request)
    origin = str(request.file)
    with open_h5ad(request.file) as file:
        obs = read_frame(file, "obs", request.file)
        var = read_genes(file, request.file, request.wish)
        check_names(pd.Index([str(cell) for cell in obs.index]), "obs_names", origin)
        genes, gene_rows, gene_notes = canonical_genes(var, origin)
        check_names(genes.index, "var_names", origin)
        rows = kept_rows(obs, request.keep, origin)
        table = Table(origin, obs.iloc[rows], known_symbols(var))
        hints, structures = _with_published_names(table, request.hints, name)
        reading, also = recognise(table, hints)
        labelled = labelled_cells(table, reading, drop=request.drop_unlabelled)
        table, rows = replace(table, obs=table.obs[labelled]), rows[labelled]
        canonical = canonical_obs(table, reading, hints.rename, structures)
        scale, normalised = read_values(Source(file, request.file, rows, table.obs, genes.index), request.wish)
    provenance = _provenance(request, name, reading, normalised)
    if request.panel is not None:
        seen = seen_by_every_task(name, canonical)
        normalised, genes, provenance["gene_panel"] = cut_to_panel(normalised, genes, canonical, request.panel, seen)
    adata = AnnData(
        X=normalised.values,
        obs=canonical,
        var=genes,
        layers=None if normalised.counts is None else {"counts": normalised.counts},
        uns={"bench": provenance},
    )
    written = _store(adata, name, force=request.force)
    dataset = read_dataset(dataset_path(name))
    dropped = int((~labelled).sum())
    notes = [f"{dropped:,} cells without a perturbation label left out"] if dropped else []
    notes += [*gene_notes, *remarks(adata, table, reading, also), *_differences_from_published(dataset)]
    return Imported(dataset, (*recognised(reading, hints), *gene_rows), scale, tuple(notes), written)


def _dataset_name(request: Request) -> str:
    name = request.name
    if name is None:
        name = re.sub(r"[^a-z0-9]+", "_", request.file.name.removesuffix(".h5ad").lower()).strip("_")
    if not _NAME.fullmatch(name):
        raise DataError(f"--name {name!r}: use lower-case letters, digits and '_', beginning with a letter or digit")
    if name in simulated_names():
        raise DataError(f"--name {name}: that is a data set of the embedded simulation; choose another name")
    return name


def _with_published_names(table: Table, hints: Hints, name: str) -> tuple[Hints, Mapping[str, str]]:
    """For sci-Plex 3: short drug names and structures as published, which the checked-in tasks use."""
    if name != "sciplex3":
        return hints, {}
    from bench.splitting.facts import sciplex_drugs, sciplex_names

    names = sciplex_names()
    columns = [hints.perturbation] if hints.perturbation else ["perturbation", "product_name", "condition"]
    present = {label for column in columns if column in table.obs for label in labels_of(table, column)}
    published = {label: names[label] for label in present if names.get(label, label) != label}
    structures = {drug: fact.smiles for drug, fact in sciplex_drugs().items()}
    return replace(hints, rename={**published, **hints.rename}), structures


def _provenance(request: Request, name: str, reading: Reading, normalised: Normalised) -> dict[str, Any]:
    options = {key: value for key, value in asdict(request.hints).items() if value}
    options |= {key: value for key, value in asdict(request.wish).items() if value}
    options |= {"keep": request.keep} if request.keep else {}
    return {
        "schema": SCHEMA,
        "name": name,
        "modality": reading.style.modality,
        "importer": f"{reading.layout}@{_IMPORTER}",
        "source_file": request.file.name,
        "source_sha256": hash_file(request.file),
        "normalisation": normalised.how,
        "target_sum": normalised.target_sum,
        "has_counts": normalised.counts is not None,
        "perturbation_column": reading.perturbation.name,
        "options": json.dumps(options, sort_keys=True),
        **request.origin,
    }


def _store(adata: AnnData, name: str, *, force: bool) -> bool:
    """Write into the cache unless the very same is there; whether it was written."""
    path = dataset_path(name)
    if path.exists() and not force:
        try:
            there = read_dataset(path).hash
        except DataError as error:
            raise DataError(
                f"{path}: a damaged data set of that name is there ({error}); replace it with `--force`"
            ) from error
        if there == content_hash(adata):
            return False
        raise DataError(
            f"{path}: another data set of the name {name!r} is there (hash {there[:12]}); choose another `--name`, or "
            "replace it with `--force`"
        )
    write_dataset(adata, path)
    return True


def _differences_from_published(dataset: Dataset) -> list[str]:
    from bench.splitting.facts import check_against_facts

    return [f"not as published: {difference}" for difference in check_against_facts(dataset)]
