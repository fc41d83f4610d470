from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from screen_files import (
    ASPIRIN,
    canonical_drug_screen,
    canonical_genes_screen,
    draw_counts,
    log_normalised,
    provenance,
    screen,
)

from bench.data.blocks import row_blocks
from bench.data.canonical import check_canonical, conditions_of, content_hash, write_dataset
from bench.errors import DataError


def with_value(value: float) -> Callable[[AnnData], None]:
    def change(adata: AnnData) -> None:
        adata.X.data[3] = value

    return change


def with_obs(column: str, row: int, value: object) -> Callable[[AnnData], None]:
    def change(adata: AnnData) -> None:
        adata.obs[column] = adata.obs[column].astype(object)
        adata.obs.iloc[row, adata.obs.columns.get_loc(column)] = value
        if column == "control":
            adata.obs[column] = adata.obs[column].astype(bool)

    return change


def with_provenance(**entries: object) -> Callable[[AnnData], None]:
    return lambda adata: adata.uns["bench"].update(entries)


def without_counts(adata: AnnData) -> None:
    del adata.layers["counts"]


def no_controls_of_k562(adata: AnnData) -> None:
    gone = (adata.obs["cell_type"] == "K562") & adata.obs["control"]
    adata._inplace_subset_obs((~gone).to_numpy())


def counts_of_other_cells(adata: AnnData) -> None:
    adata.layers["counts"] = draw_counts(adata.n_obs, seed=5)


def counts_changed(adata: AnnData) -> None:
    adata.layers["counts"].data[0] += 7


def as_counts(adata: AnnData) -> None:
    without_counts(adata)
    adata.uns["bench"]["has_counts"] = False
    adata.X = draw_counts(adata.n_obs)
    adata.X.data[:] = np.minimum(adata.X.data, 3)


def as_linear(adata: AnnData) -> None:
    adata.X.data[:] = np.expm1(adata.X.data)


def as_dense(adata: AnnData) -> None:
    adata.X = adata.X.toarray()


def as_double(adata: AnnData) -> None:
    adata.X = adata.X.astype(np.float64)


def repeated_cell(adata: AnnData) -> None:
    adata.obs.index = pd.Index(["same", *adata.obs_names[1:-1], "same"])


def repeated_gene(adata: AnnData) -> None:
    adata.var.index = pd.Index(["same", *adata.var_names[1:-1], "same"])


def no_uns(adata: AnnData) -> None:
    del adata.uns["bench"]


def no_condition(adata: AnnData) -> None:
    del adata.obs["condition"]


FLAWS: dict[str, tuple[Callable[[AnnData], None], str]] = {
    "NaN": (with_value(np.nan), r"X: nan \(not finite\) in cell 'cell\d+', gene '\w+'"),
    "infinity": (with_value(np.inf), r"X: inf \(not finite\)"),
    "a negative value": (with_value(-1.0), r"X: -1 \(negative\) in cell"),
    "a stored zero": (with_value(0.0), r"X: 0 \(a stored zero\).*eliminate_zeros"),
    "counts in X": (as_counts, r"X: every value is a whole number, so these are counts"),
    "values without logarithm": (as_linear, r"X: cell 'cell0' sums to .* before the logarithm"),
    "a dense X": (as_dense, r"X: is ndarray float32, must be CSR float32"),
    "an X of doubles": (as_double, r"X: is csr float64, must be CSR float32"),
    "repeated cell names": (repeated_cell, r"obs_names: 1 names occur more than once \(same\)"),
    "repeated gene names": (repeated_gene, r"var_names: 1 names occur more than once \(same\)"),
    "no provenance": (no_uns, r"uns\['bench'\]: absent.*bench data import"),
    "another schema": (with_provenance(schema=2), r"\['schema'\]: found 2, must be 1"),
    "an unknown modality": (with_provenance(modality="genes"), r"\['modality'\]: found 'genes'"),
    "provenance of the wrong type": (with_provenance(has_counts="yes"), r"\['has_counts'\]: found 'yes'.*type bool"),
    "a target sum of zero": (with_provenance(target_sum=0.0), r"\['target_sum'\]: found 0.0"),
    "a missing column": (no_condition, r"obs: column 'condition' is missing \(there are control, "),
    "a missing cell type": (with_obs("cell_type", 0, np.nan), r"obs\['cell_type'\]: must hold a string in every row"),
    "a control flag that contradicts": (
        with_obs("control", 0, False),
        r"obs\['control'\]: 1 cells contradict.*'cell0'",
    ),
    "a key out of order": (
        with_obs("condition", 2, "KLF1+AHR|A549"),
        r"'KLF1\+AHR\|A549' is not canonical.*'AHR\+KLF1\|A549'",
    ),
    "a key without cell type": (with_obs("condition", 0, "ctrl"), r"'ctrl' is not canonical.*'ctrl\|A549'"),
    "a cell type without controls": (no_controls_of_k562, r"obs\['control'\]: no control cells in cell type 'K562'"),
    "counts that are not there": (without_counts, r"\['has_counts'\]: says True but layers\['counts'\] is absent"),
    "counts with other zeros": (counts_of_other_cells, r"layers\['counts'\]: its zeros are not where X has them"),
    "counts that contradict X": (counts_changed, r"layers\['counts'\]: in cell 'cell0' X is not the normalised counts"),
}


@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.filterwarnings("ignore:.*names are not unique:UserWarning")  # repeated on purpose
def test_what_is_not_canonical_is_refused_by_file_field_and_value(flaw: str) -> None:
    spoil, message = FLAWS[flaw]
    adata = canonical_genes_screen()
    spoil(adata)
    with pytest.raises(DataError, match=message) as error:
        check_canonical(adata, "screen.h5ad")
    assert str(error.value).startswith("screen.h5ad, ")


def test_counts_that_are_no_whole_numbers_are_refused() -> None:
    adata = canonical_genes_screen()
    adata.layers["counts"].data[5] += 0.5
    with pytest.raises(DataError, match="is not a whole number"):
        check_canonical(adata, "screen.h5ad")


@pytest.mark.parametrize("make", [canonical_genes_screen, canonical_drug_screen])
def test_a_canonical_data_set_passes(make: Callable[[], AnnData]) -> None:
    check_canonical(make(), "screen.h5ad")


def test_a_panel_of_a_larger_transcriptome_passes_with_its_counts() -> None:
    """X was normalised over genes the file no longer holds: a multiple of the counts in each cell."""
    adata = canonical_genes_screen()
    adata = adata[:, :5].copy()
    check_canonical(adata, "screen.h5ad")


def test_a_drug_with_two_structures_is_refused() -> None:
    adata = canonical_drug_screen()
    with_obs("smiles", 1, "C" + ASPIRIN)(adata)
    with pytest.raises(DataError, match=r"obs\['smiles'\]: 'Aspirin' has two structures"):
        check_canonical(adata, "screen.h5ad")


def test_conditions_carry_dose_structure_and_cell_type() -> None:
    adata = canonical_drug_screen()
    conditions = conditions_of(adata.obs, "treatment")
    assert list(conditions) == ["Aspirin@10", "Caffeine@1000", "ctrl"]
    assert conditions["Aspirin@10"].smiles == ASPIRIN
    assert conditions["ctrl"].is_control
    assert set(conditions_of(canonical_genes_screen().obs, "gene")) == {
        f"{label}|{line}" for label in ("ctrl", "AHR", "AHR+KLF1") for line in ("A549", "K562")
    }


def scrambled(matrix: csr_matrix) -> csr_matrix:
    """The same values with indices in reverse order, as int64, beside one stored zero."""
    rows = [matrix[i] for i in range(matrix.shape[0])]
    data = np.concatenate([row.data[::-1] for row in rows])
    indices = np.concatenate([row.indices[::-1] for row in rows]).astype(np.int64)
    made = csr_matrix((data, indices, matrix.indptr.astype(np.int64)), shape=matrix.shape)
    column = int(np.flatnonzero(made[0].toarray().ravel() == 0)[0])
    data = np.insert(made.data, 0, 0.0)
    return csr_matrix((data, np.insert(made.indices, 0, column), np.append(0, made.indptr[1:] + 1)), shape=matrix.shape)


def test_the_hash_is_of_the_content_not_of_how_it_is_stored() -> None:
    adata, other = canonical_genes_screen(), canonical_genes_screen()
    other.X = scrambled(other.X)
    other.obs["condition"] = pd.Categorical(
        other.obs["condition"], categories=sorted(set(other.obs["condition"]))[::-1]
    )
    other.uns["bench"]["importer"] = "elsewhere"
    other.var["ensembl_id"] = "ENSG"
    assert content_hash(adata) == content_hash(other)


def test_the_hash_of_fixed_content_is_fixed() -> None:
    """Runs are stored under it: a change here makes every stored run a different one."""
    counts = csr_matrix(np.array([[1, 3, 0], [2, 0, 2], [0, 1, 3]], dtype=np.float32))
    adata = screen(
        {
            "condition": ["ctrl", "A", "A+B"],
            "control": [True, False, False],
            "cell_type": ["K562"] * 3,
            "perturbation": ["ctrl", "A", "A+B"],
        },
        genes=("A", "B", "C"),
        x=counts / 4,
        layers={"counts": counts},
    )
    adata.uns["bench"] = provenance()
    assert content_hash(adata)[:16] == "029fdb84278b4f37"


def changed_value(adata: AnnData) -> None:
    adata.X.data[0] = np.nextafter(adata.X.data[0], np.float32(9))


@pytest.mark.parametrize(
    "change",
    [
        changed_value,
        counts_changed,
        without_counts,
        with_obs("condition", 0, "AHR|A549"),
        with_obs("control", 0, False),
        with_obs("cell_type", 0, "K562"),
        with_provenance(target_sum=1e3),
        lambda adata: setattr(adata, "obs_names", [*adata.obs_names[:-1], "other"]),
        lambda adata: setattr(adata, "var_names", [*adata.var_names[:-1], "other"]),
        lambda adata: adata._inplace_subset_obs(np.r_[1, 0, 2 : adata.n_obs]),
    ],
)
def test_the_hash_changes_with_any_part_of_the_content(change: Callable[[AnnData], None]) -> None:
    adata, other = canonical_genes_screen(), canonical_genes_screen()
    change(other)
    assert content_hash(adata) != content_hash(other)


def test_the_hash_does_not_depend_on_how_many_values_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    adata = canonical_genes_screen()
    before = content_hash(adata)
    monkeypatch.setattr("bench.data.digests.row_blocks", lambda indptr: row_blocks(indptr, 7))
    assert content_hash(adata) == before


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 20))
def test_row_blocks_cover_every_row_once_in_order(lengths: list[int], n_values: int) -> None:
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(int)
    blocks = list(row_blocks(indptr, n_values))
    assert [row for first, last in blocks for row in range(first, last)] == list(range(len(lengths)))
    assert all(last == first + 1 or indptr[last] - indptr[first] <= n_values for first, last in blocks)


def test_writing_leaves_the_callers_data_as_they_were(tmp_path: Path) -> None:
    adata = canonical_genes_screen()
    adata.obs["batch"] = "one"
    obs = adata.obs.copy()
    write_dataset(adata, tmp_path / "screen.h5ad")
    pd.testing.assert_frame_equal(adata.obs, obs)
    assert "content_hash" not in adata.uns["bench"]


def test_nothing_is_left_behind_when_the_data_are_not_canonical(tmp_path: Path) -> None:
    adata = canonical_genes_screen()
    with_value(np.nan)(adata)
    with pytest.raises(DataError, match=re.escape("screen.h5ad, X")):
        write_dataset(adata, tmp_path / "screen.h5ad")
    assert list(tmp_path.iterdir()) == []


def test_log_values_of_a_transcriptome_are_what_scanpy_makes_of_the_counts() -> None:
    import scanpy as sc

    counts = draw_counts(10)
    adata = AnnData(counts.copy())
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    np.testing.assert_allclose(adata.X.toarray(), log_normalised(counts).toarray(), rtol=1e-5)
