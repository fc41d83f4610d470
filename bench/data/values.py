"""Choosing and reading the values of a file: X, or a layer of counts beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from bench.data.h5file import read_frame
from bench.data.matrix import open_matrix, read_rows
from bench.data.normalise import Normalised, belongs_to_counts, from_counts, from_values
from bench.data.scale import Kind, Scale, detect_scale
from bench.errors import DataError

if TYPE_CHECKING:
    import h5py
    from scipy.sparse import csr_matrix

Values = Literal["counts", "linear", "log1p"]
RAW = "raw"
_COUNT_LAYERS = ("counts", "raw_counts")
_DECLARED: Mapping[Values, Kind] = MappingProxyType({"counts": "counts", "linear": "linear", "log1p": "log"})
_REFUSED: Mapping[Kind, str] = MappingProxyType(
    {
        "binary": "binarised values say nothing of expression levels",
        "log_twice": "the logarithm was taken twice",
        "scaled": "negative values cannot be brought back to counts",
        "not_finite": "values are missing",
        "empty": "there is nothing in it",
        "unknown": "the scale cannot be told",
    }
)


@dataclass(frozen=True)
class Wish:
    """What the user said about the values.

    Parameters
    ----------
    counts_layer
        Layer that holds the counts; ``"raw"`` for ``adata.raw``.
    values
        Scale of ``X``, where it cannot be told.
    target_sum
        What counts were normalised to, where it cannot be told.
    """

    counts_layer: str | None = None
    values: Values | None = None
    target_sum: float | None = None


@dataclass(frozen=True)
class Source:
    """The wanted cells of an open file.

    Parameters
    ----------
    file, path
        The open file and its name.
    rows
        Rows of the file that are wanted.
    obs
        Their obs.
    genes
        Names of the genes.
    """

    file: h5py.File
    path: Path
    rows: np.ndarray
    obs: pd.DataFrame
    genes: pd.Index

    def read(self, node: str) -> csr_matrix:
        """Read a matrix of the file by its HDF5 path: CSR float32 without stored zeros."""
        stored = open_matrix(self.file[node], node, str(self.path))
        n_cells = int(self.rows.max()) + 1
        if stored.shape[0] < n_cells or stored.shape[1] != len(self.genes):
            raise DataError(
                f"{self.path}, {node}: shape is {stored.shape}, but obs has {n_cells} or more cells and var has "
                f"{len(self.genes)} genes; the file is damaged"
            )
        matrix = read_rows(stored, self.rows)
        matrix.eliminate_zeros()
        return matrix


def read_genes(file: h5py.File, path: Path, wish: Wish) -> pd.DataFrame:
    """``var`` of the matrix that will be read.

    Raises
    ------
    DataError
        If ``raw`` is wanted and absent.
    """
    if wish.counts_layer != RAW:
        return read_frame(file, "var", path)
    if RAW not in file or "X" not in file[RAW] or "var" not in file[RAW]:
        raise DataError(f"{path}, --counts-layer raw: the file has no raw; {_layers(file)}")
    return read_frame(file[RAW], "var", path)


def read_values(source: Source, wish: Wish) -> tuple[Scale, Normalised]:
    """Read the values, tell their scale, bring them to the canonical one.

    Counts come first: those in ``X``, else those of a layer. ``X`` is kept beside a layer of counts only where it was
    normalised by totals over genes the file no longer holds.

    Raises
    ------
    DataError
        If the values are of no scale that leads to log1p of counts per 10,000; the message says why, where, and what
        to do.
    """
    if wish.counts_layer == RAW:
        return _read_counts(source, f"{RAW}/X")
    layers = source.file.get("layers", {})
    layer = wish.counts_layer or next((name for name in _COUNT_LAYERS if name in layers), None)
    if layer is not None and layer not in layers:
        raise DataError(f"{source.path}, --counts-layer {layer}: there is no such layer; {_layers(source.file)}")
    matrix = source.read("X")
    scale = _declared(detect_scale(matrix), wish.values)
    if scale.kind == "counts" and wish.counts_layer is None:
        return scale, from_counts(matrix)
    if layer is not None:
        return _read_beside_counts(source, wish, layer, matrix, scale)
    if scale.kind in _REFUSED:
        offence = _offence(source, matrix, scale)
        raise DataError(f"{source.path}, X: {_REFUSED[scale.kind]} ({offence}). {_remedy(source.file, scale)}")
    return scale, _from_values(source, wish, matrix, scale)


def _read_beside_counts(
    source: Source, wish: Wish, layer: str, matrix: csr_matrix, scale: Scale
) -> tuple[Scale, Normalised]:
    counts_scale, normalised = _read_counts(source, f"layers/{layer}")
    counts = normalised.counts
    part = scale.kind == "log" and scale.total is None
    if part and counts is not None and belongs_to_counts(matrix, counts, scale.kind):
        kept = _from_values(source, wish, matrix, scale)
        return scale, replace(kept, counts=counts, how=f"{kept.how}; counts of layers['{layer}'] kept")
    how = f"layers['{layer}'] ({normalised.how}); X ({scale.kind}) left aside"
    return counts_scale, replace(normalised, how=how)


def _from_values(source: Source, wish: Wish, matrix: csr_matrix, scale: Scale) -> Normalised:
    try:
        return from_values(matrix, scale, source.obs, wish.target_sum)
    except DataError as error:
        raise DataError(f"{source.path}, {error}") from error


def _read_counts(source: Source, node: str) -> tuple[Scale, Normalised]:
    matrix = source.read(node)
    scale = detect_scale(matrix)
    if scale.kind != "counts":
        raise DataError(
            f"{source.path}, {node}: does not hold counts ({_offence(source, matrix, scale)}); name the layer that "
            f"does with `--counts-layer` ({_layers(source.file)})"
        )
    return scale, from_counts(matrix)


def _declared(scale: Scale, values: Values | None) -> Scale:
    """What the user said the values are, unless the values rule it out."""
    if values is None or scale.kind in ("scaled", "not_finite", "empty") or _DECLARED[values] == scale.kind:
        return scale
    if values == "counts" and scale.kind != "binary":
        raise DataError(f"--values counts: they are not whole numbers ({scale.evidence}); leave the option out")
    return Scale(_DECLARED[values], f"said by --values (they look {scale.kind}: {scale.evidence})")


def _remedy(file: h5py.File, scale: Scale) -> str:
    layer = f"name a layer of counts with `--counts-layer` ({_layers(file)})"
    if scale.kind == "log_twice":
        return f"Undo one (`adata.X = np.expm1(adata.X)`), or {layer}"
    if scale.kind == "unknown":
        return f"Say what they are with `--values linear` or `--values log1p`, or {layer}"
    return layer.capitalize()


def _layers(file: h5py.File) -> str:
    names = [*file.get("layers", {}), *([RAW] if RAW in file else [])]
    return f"there are: {', '.join(names)}" if names else "the file has none"


def _offence(source: Source, matrix: csr_matrix, scale: Scale) -> str:
    """The evidence, with the first offending value where there is one."""
    if scale.kind == "scaled":
        bad = matrix.data < 0
    elif scale.kind == "not_finite":
        bad = ~np.isfinite(matrix.data)
    else:
        return scale.evidence
    place = int(np.flatnonzero(bad)[0])
    cell = source.obs.index[int(np.searchsorted(matrix.indptr, place, side="right")) - 1]
    gene = source.genes[matrix.indices[place]]
    return f"{scale.evidence}; first in cell {cell!r}, gene {gene!r}: {matrix.data[place]:g}"
