from __future__ import annotations

import pandas as pd
import pytest

from bench.data.genes import canonical_genes, known_symbols
from bench.errors import DataError

IDS = [f"ENSG{i:011d}" for i in range(3)]


def test_symbols_are_taken_where_the_index_holds_ensembl_identifiers() -> None:
    genes, rows, _ = canonical_genes(pd.DataFrame({"gene_name": ["A", "B", "C"]}, index=IDS), "file")
    assert genes.index.tolist() == ["A", "B", "C"]
    assert genes["ensembl_id"].tolist() == IDS
    assert rows[0] == ("gene", "var.gene_name", "the index holds Ensembl identifiers")


def test_symbols_in_the_index_stay_whatever_else_var_holds() -> None:
    genes, rows, _ = canonical_genes(
        pd.DataFrame({"gene_name": ["X", "Y", "Z"], "ensembl_id": IDS}, index=list("ABC")), "f"
    )
    assert genes.index.tolist() == ["A", "B", "C"]
    assert genes["ensembl_id"].tolist() == IDS
    assert [row[1] for row in rows] == ["var index", "var.ensembl_id"]


def test_a_repeated_symbol_carries_its_identifier_and_is_reported() -> None:
    genes, _, notes = canonical_genes(pd.DataFrame({"gene_name": ["A", "B", "A"]}, index=IDS), "file")
    assert genes.index.tolist() == ["A", "B", f"A_{IDS[2]}"]
    assert notes == ["1 further genes of a repeated symbol carry their identifier (A)"]


def test_a_gene_without_symbol_keeps_its_identifier() -> None:
    genes, _, _ = canonical_genes(pd.DataFrame({"gene_name": pd.Categorical(["A", None, ""])}, index=IDS), "file")
    assert genes.index.tolist() == ["A", IDS[1], IDS[2]]


def test_identifiers_without_symbols_are_kept_and_reported() -> None:
    genes, _, notes = canonical_genes(pd.DataFrame(index=IDS), "file")
    assert genes.index.tolist() == IDS
    assert "named by Ensembl identifier" in notes[0]


def test_repeated_symbols_that_nothing_tells_apart_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"file, var index: 1 gene names occur more than once \(A\).*var_names_make_unique"
    ):
        canonical_genes(pd.DataFrame(index=["A", "B", "A"]), "file")


def test_a_gene_is_known_by_its_index_and_its_symbol() -> None:
    assert known_symbols(pd.DataFrame({"gene_name": ["A", None, "C"]}, index=IDS)) == {"A", "C", *IDS}
