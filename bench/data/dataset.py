"""Opening a data set of the cache: names and labels at once, cells when asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from bench.data.canonical import (
    check_canonical,
    check_columns,
    check_names,
    conditions_of,
    content_hash,
    provenance_of,
    write_dataset,
)
from bench.data.h5file import open_h5ad, read_frame
from bench.data.matrix import open_matrix, read_rows
from bench.errors import DataError, DatasetMissing
from bench.paths import PROJECT, cache_dir, dataset_path
from bench.sources import hash_sources
from methods.conditions import Condition, Modality

if TYPE_CHECKING:
    from anndata import AnnData

_GENERATOR = "simulation_source"


@dataclass(frozen=True)
class Dataset:
    """A canonical data set; its cells stay in the file until they are asked for.

    Parameters
    ----------
    name
        Name by which tasks refer to it.
    path
        The canonical file.
    provenance
        Where it comes from and how it was made (``uns["bench"]``).
    obs
        Canonical columns of every cell, indexed by cell id.
    genes
        Gene panel.
    """

    name: str
    path: Path
    provenance: Mapping[str, str | int | float | bool]
    obs: pd.DataFrame
    genes: pd.Index

    @property
    def hash(self) -> str:
        """Content hash stamped when the file was written."""
        return str(self.provenance["content_hash"])

    @property
    def modality(self) -> Modality:
        """Whether genes were perturbed or treatments given."""
        return cast("Modality", self.provenance["modality"])

    @property
    def simulated(self) -> bool:
        """Whether its cells come from the embedded simulation."""
        return self.provenance["importer"] == "simulation"

    @cached_property
    def conditions(self) -> Mapping[str, Condition]:
        """Every condition, controls included, by key."""
        try:
            return conditions_of(self.obs, self.modality)
        except DataError as error:
            raise DataError(f"{self.path}, {error}; import it again") from error

    def cells(self, rows: np.ndarray) -> AnnData:
        """Cells in memory: X and counts as CSR float32, canonical obs, var.

        Reads only those rows, and short stretches between them, from the file.

        Parameters
        ----------
        rows
            Row numbers in any order, each once, or a boolean mask over all cells.

        Returns
        -------
        (len(rows), n_genes); nothing in it refers to the file.
        """
        from anndata import AnnData

        with open_h5ad(self.path) as file:
            matrix = read_rows(open_matrix(file["X"], "X", str(self.path)), rows)
            layers = {}
            if self.provenance["has_counts"]:
                layers["counts"] = read_rows(
                    open_matrix(file["layers/counts"], "layers['counts']", str(self.path)), rows
                )
            var = read_frame(file, "var", self.path)
        return AnnData(
            X=matrix, obs=self.obs.iloc[rows].copy(), var=var, layers=layers, uns={"bench": dict(self.provenance)}
        )


def read_dataset(path: Path) -> Dataset:
    """Open a canonical file: reads ``obs``, ``var`` and ``uns`` only.

    Raises
    ------
    DataError
        If it is truncated, not HDF5, not an h5ad, or not canonical.
    """
    from anndata.io import read_elem

    origin = str(path)
    with open_h5ad(path) as file:
        uns = {"bench": read_elem(file["uns/bench"])} if "bench" in file.get("uns", {}) else {}
        provenance = provenance_of(uns, origin)
        if "content_hash" not in provenance:
            raise DataError(f"{origin}, uns['bench']: entry 'content_hash' is missing; import the file again")
        obs, var = read_frame(file, "obs", path), read_frame(file, "var", path)
        matrix = open_matrix(file["X"], "X", origin)
        has_counts = "layers" in file and "counts" in file["layers"]
    if matrix.kind != "csr" or matrix.shape != (len(obs), len(var)):
        raise DataError(
            f"{origin}, X: {matrix.kind} of shape {matrix.shape}, must be CSR of shape {(len(obs), len(var))}; "
            "import it again"
        )
    if has_counts != provenance["has_counts"]:
        raise DataError(f"{origin}, uns['bench']['has_counts']: contradicts the file's layers; import it again")
    check_names(obs.index, "obs_names", origin)
    check_names(var.index, "var_names", origin)
    check_columns(obs, cast("Modality", provenance["modality"]), origin)
    return Dataset(str(provenance["name"]), path, provenance, obs, var.index)


def open_dataset(name: str) -> Dataset:
    """Open a data set of the cache; a simulated one is generated into it on first use.

    Raises
    ------
    DatasetMissing
        If it has not been imported; the message says where the file comes from and what to type.
    DataError
        If its file is damaged.
    """
    path = dataset_path(name)
    if name in simulated_names():
        return _open_simulated(name, path)
    if not path.exists():
        raise DatasetMissing(how_to_get(name))
    return read_dataset(path)


def simulated_names() -> tuple[str, ...]:
    """Names of the embedded simulation's data sets."""
    return tuple(importlib.import_module("bench.simulation").PRESETS)


def imported_names() -> tuple[str, ...]:
    """Names of the files in the cache, sorted, simulated ones included."""
    return tuple(
        sorted(path.stem for path in (cache_dir() / "datasets").glob("*.h5ad") if not path.name.startswith("."))
    )


def how_to_get(name: str) -> str:
    """What to do about a data set that is not in the cache: one line of text."""
    from bench.fetch.sources import public_datasets

    known = public_datasets()
    if name in known:
        return f"data set {name!r} ({known[name].title}) is not in the cache {cache_dir()}. To have it, " + known[
            name
        ].instructions(name)
    names = sorted({*known, *simulated_names(), *imported_names()})
    close = difflib.get_close_matches(name, names, n=3) or names
    return (
        f"there is no data set {name!r} in the cache {cache_dir()} (closest: {', '.join(close)}). Import yours with "
        f"`python -m bench data import FILE --name {name}`; `python -m bench data list` shows what there is"
    )


def verify_dataset(name: str) -> str:
    """Check a data set of the cache in full and its content against its stamp; the content hash.

    Reads every cell.

    Raises
    ------
    DataError
        If it is missing, not canonical, or not what was stamped.
    """
    path = dataset_path(name)
    if not path.exists():
        raise DatasetMissing(how_to_get(name))
    dataset = read_dataset(path)
    adata = dataset.cells(np.arange(len(dataset.obs)))
    check_canonical(adata, str(path))
    found = content_hash(adata)
    if found != dataset.hash:
        raise DataError(
            f"{path}, uns['bench']['content_hash']: stamped {dataset.hash[:12]} but the content hashes to "
            f"{found[:12]}: the file was changed after it was written. Import it again"
        )
    return found


def remove_dataset(name: str) -> Path:
    """Delete a data set from the cache; its path.

    Raises
    ------
    DatasetMissing
        If it is not there.
    """
    path = dataset_path(name)
    if name not in imported_names():
        raise DatasetMissing(how_to_get(name))
    path.unlink()
    return path


def _open_simulated(name: str, path: Path) -> Dataset:
    """The cached simulation if today's generator made it, else a fresh one."""
    source = hash_sources([PROJECT / "bench" / "simulation"])
    if path.exists():
        dataset = read_dataset(path)
        if dataset.provenance.get(_GENERATOR) == source:
            return dataset
    adata = importlib.import_module("bench.simulation").simulate(name)
    adata.uns["bench"] = {**adata.uns["bench"], _GENERATOR: source}
    # Two processes may both come here: each writes its own temporary file, and the contents are equal.
    write_dataset(adata, path)
    return read_dataset(path)
