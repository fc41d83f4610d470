"""Predictions made elsewhere: an h5ad of cells, read, ordered and checked against a task.

``X`` (cells x genes, dense or sparse) log1p of counts per 10,000, ``var_names`` gene symbols,
``obs["condition"]`` the condition each row is a prediction of. Optional ``uns["bench"]``:
``output`` ("cells", the default, or "mean": one row per condition) and ``unsupported``, a JSON
object condition -> reason for conditions left out on purpose.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.data.h5file import open_h5ad
from bench.errors import DataError, PredictionError
from bench.prediction_checks import check_predictions
from bench.predictions import Predictions
from methods.conditions import Condition, ConditionError, Modality, canonical_key

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

OUTPUTS = ("cells", "mean")
DECLARATIONS = ("output", "unsupported")
"""Keys of ``uns["bench"]``."""


def read_predictions(
    path: Path, *, genes: pd.Index, asked: Mapping[str, Condition], modality: Modality, target_sum: float
) -> Predictions:
    """Read a predictions file and fit it to a task.

    Parameters
    ----------
    path
        h5ad file.
    genes
        Gene panel of the task; the file's genes are re-ordered to it by name.
    asked
        Conditions the task asks for.
    modality
        How condition names are read.
    target_sum
        Counts per cell before log1p; bounds what a log-normalised value can be.

    Raises
    ------
    PredictionError
        If the file cannot be read, lacks genes or conditions, has others, or holds values that are
        not finite, negative or on another scale. The message names the field, the value and the remedy.
    """
    adata = _read(path)
    order = _gene_order(path, adata.var_names, genes)
    labels = _labels(path, adata, modality)
    output, unsupported = _declared(path, adata, modality)
    matrix = _matrix(path, adata)[:, order]
    keys = [key for key in asked if key in set(labels)] + sorted(set(labels) - asked.keys())
    cells = {key: matrix[np.flatnonzero(labels == key)] for key in keys}
    predictions = Predictions(genes=genes, output=output, cells=cells, unsupported=unsupported)
    # float32 rounding of the logarithm must not push a full cell over the bound
    largest = float(np.log1p(target_sum)) * (1 + 1e-5)
    try:
        check_predictions(predictions, genes, asked.keys(), n_cells=1, largest=largest)
    except PredictionError as error:
        raise PredictionError(f"{path}: {error}") from error
    return predictions


def _read(path: Path) -> AnnData:
    import anndata

    try:
        with open_h5ad(path):  # says what is wrong with a file that is none, and refuses one that points elsewhere
            pass
        return anndata.read_h5ad(path)
    except DataError as error:
        raise PredictionError(str(error)) from error
    except Exception as error:  # h5py and anndata raise many types on damaged files
        raise PredictionError(
            f"{path}: not a readable h5ad file ({type(error).__name__}: {error}); write it with AnnData.write_h5ad"
        ) from error


def _gene_order(path: Path, found: pd.Index, genes: pd.Index) -> np.ndarray:
    if not found.is_unique:
        raise PredictionError(
            f"{path}, var_names: {found[found.duplicated()][0]!r} stands twice; keep one column per gene"
        )
    order = found.get_indexer(genes)
    missing = genes[order < 0]
    if len(missing):
        close = difflib.get_close_matches(str(missing[0]), list(found), n=1)
        hint = f" (closest in the file: {close[0]!r})" if close else ""
        raise PredictionError(
            f"{path}, var_names: {len(missing)} of the task's {len(genes)} genes are missing, "
            f"first {missing[0]!r}{hint}; "
            "predict every gene of the panel; `python -m bench data show NAME --genes` lists it"
        )
    extra = found.difference(genes)
    if len(extra):
        raise PredictionError(
            f"{path}, var_names: {len(extra)} genes are not in the task's panel, first {extra[0]!r}; "
            "leave out every gene that is not in the panel"
        )
    return np.asarray(order)


def _labels(path: Path, adata: AnnData, modality: Modality) -> np.ndarray:
    if "condition" not in adata.obs:
        columns = ", ".join(map(str, adata.obs.columns)) or "none"
        raise PredictionError(f"{path}: obs has no column 'condition' (columns: {columns}); name each cell's condition")
    raw = adata.obs["condition"]
    if raw.isna().any():
        raise PredictionError(
            f"{path}, obs['condition']: row {int(np.argmax(raw.isna()))} has no condition; fill it in"
        )
    names = raw.astype(str)
    try:
        canonical = {name: canonical_key(name, modality) for name in names.unique()}
    except ConditionError as error:
        raise PredictionError(f"{path}, obs['condition']: {error}") from error
    return np.array([canonical[name] for name in names], dtype=object)


def _declared(path: Path, adata: AnnData, modality: Modality) -> tuple[Any, dict[str, str]]:
    declared = adata.uns.get("bench", {})
    if not isinstance(declared, Mapping):
        raise PredictionError(f"{path}, uns['bench']: {declared!r} is not a dictionary; write {{'output': 'cells'}}")
    unknown = next((str(key) for key in declared if key not in DECLARATIONS), None)
    if unknown is not None:
        raise PredictionError(
            f"{path}, uns['bench']: there is no {unknown!r}, there are {', '.join(DECLARATIONS)}; rename or remove it"
        )
    output = str(declared.get("output", "cells"))
    if output not in OUTPUTS:
        raise PredictionError(f"{path}, uns['bench']['output']: {output!r} is not one of {', '.join(OUTPUTS)}")
    try:
        reasons = json.loads(declared.get("unsupported", "{}"))
        return output, {canonical_key(str(key), modality): str(why) for key, why in reasons.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise PredictionError(
            f"{path}, uns['bench']['unsupported']: not a JSON object condition -> reason ({error})"
        ) from error


def _matrix(path: Path, adata: AnnData) -> csr_matrix:
    from scipy.sparse import csr_matrix, issparse

    if adata.X is None:
        raise PredictionError(f"{path}: X is empty; put the predicted cells there")
    if not np.issubdtype(adata.X.dtype, np.number):
        raise PredictionError(f"{path}: X has dtype {adata.X.dtype}; write numbers")
    sparse = issparse(adata.X)
    matrix: csr_matrix = adata.X.tocsr() if sparse else csr_matrix(np.asarray(adata.X))
    return matrix.astype(np.float32)
