"""Gene panels: unique symbols as names, Ensembl identifiers beside them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from bench.errors import DataError

_ENSEMBL = re.compile(r"ENS[A-Z]{0,4}G\d{6,}(\.\d+)?")
_SYMBOLS = ("gene_name", "gene_symbol", "gene_symbols", "gene_short_name", "feature_name", "symbol", "gene")
_IDENTIFIERS = ("ensembl_id", "ensemble_id", "gene_id", "gene_ids", "feature_id", "ensembl")


def canonical_genes(var: pd.DataFrame, origin: str) -> tuple[pd.DataFrame, list[tuple[str, str, str]], list[str]]:
    """Canonical ``var`` of a file: symbols as index, ``ensembl_id`` where known.

    Where the index holds Ensembl identifiers the symbols come from a column; a symbol that
    occurs again gets its identifier behind it, so that each name means one gene.

    Parameters
    ----------
    var
        As in the file.
    origin
        File, for messages.

    Returns
    -------
    The canonical frame, rows (field, column, rule) that say what was recognised, and notes.

    Raises
    ------
    DataError
        If symbols repeat and nothing tells the genes apart.
    """
    index = pd.Index([str(name) for name in var.index], name=None)
    identifiers, found_in = _identifiers(var, index)
    rows: list[tuple[str, str, str]] = []
    notes: list[str] = []
    column = next((name for name in _SYMBOLS if name in var), None)
    if _looks_ensembl(index) and column is not None:
        symbols = _filled(var[column], index)
        rows.append(("gene", f"var.{column}", "the index holds Ensembl identifiers"))
    else:
        symbols = index.to_numpy(dtype=object)
        rows.append(("gene", "var index", "kept as it is"))
        if _looks_ensembl(index):
            notes.append("genes are named by Ensembl identifier: perturbed genes named by symbol will not be found")
    repeated = pd.Series(symbols).duplicated().to_numpy()
    if repeated.any():
        names = pd.unique(symbols[repeated])
        shown = ", ".join(names[:5])
        if identifiers is None:
            raise DataError(
                f"{origin}, var index: {len(names)} gene names occur more than once ({shown}); make them unique "
                "(`adata.var_names_make_unique()`) or drop the repeats"
            )
        symbols = np.where(repeated, symbols + "_" + identifiers, symbols)
        notes.append(f"{int(repeated.sum())} further genes of a repeated symbol carry their identifier ({shown})")
        if not pd.Index(symbols).is_unique:
            raise DataError(f"{origin}, var: Ensembl identifiers repeat as well ({shown}); drop the repeated genes")
    genes = pd.DataFrame(index=pd.Index(symbols, dtype=object))
    if identifiers is not None:
        genes["ensembl_id"] = identifiers
        rows.append(("ensembl_id", found_in, "values look like Ensembl identifiers"))
    return genes, rows, notes


def known_symbols(var: pd.DataFrame) -> frozenset[str]:
    """Every name a gene of the file goes by: the index and the symbol columns."""
    names = set(map(str, var.index))
    for column in _SYMBOLS:
        if column in var:
            names |= set(var[column].dropna().astype(str))
    return frozenset(names)


def _looks_ensembl(names: pd.Index) -> bool:
    shown = names[: min(len(names), 2000)]
    return len(shown) > 0 and sum(bool(_ENSEMBL.fullmatch(name)) for name in shown) >= 0.9 * len(shown)


def _identifiers(var: pd.DataFrame, index: pd.Index) -> tuple[np.ndarray | None, str]:
    if _looks_ensembl(index):
        return index.to_numpy(dtype=object), "var index"
    for column in _IDENTIFIERS:
        if column in var:
            values = pd.Index(var[column].astype(str))
            if _looks_ensembl(values):
                return values.to_numpy(dtype=object), f"var.{column}"
    return None, ""


def _filled(symbols: pd.Series, index: pd.Index) -> np.ndarray:
    """Symbols as strings; the identifier where there is none."""
    text = symbols.astype(object).where(symbols.notna(), "").astype(str).str.strip().to_numpy(dtype=object)
    return np.where(text == "", index.to_numpy(dtype=object), text)
