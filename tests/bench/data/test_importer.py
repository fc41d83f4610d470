from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csc_matrix
from screen_files import (
    ASPIRIN,
    CAFFEINE,
    GENES,
    adamson,
    chemcpa,
    cycle,
    draw_counts,
    gears,
    kang,
    log_normalised,
    pertpy_norman,
    save,
    sciplex,
    scperturb,
    scperturb_guides,
    screen,
)

from bench.data.canonical import check_canonical
from bench.data.chemistry import canonical_smiles
from bench.data.dataset import open_dataset
from bench.data.importer import Imported, Request, import_file
from bench.data.reading import Hints
from bench.data.values import Wish
from bench.errors import DataError

KANG = Hints(perturbation="stim", controls=("CTRL",), modality="treatment", rename={"STIM": "IFN-beta"})


def bring_in(
    adata: AnnData, folder: Path, hints: Hints | None = None, wish: Wish | None = None, **rest: Any
) -> Imported:
    request = Request(save(adata, folder), name="mine", hints=hints or Hints(), wish=wish or Wish(), **rest)
    return import_file(request)


def everything(imported: Imported) -> AnnData:
    return imported.dataset.cells(np.arange(len(imported.dataset.obs)))


@pytest.mark.parametrize(
    ("make", "hints", "rest", "conditions"),
    [
        (gears, Hints(), {}, {"ctrl", "AHR", "KLF1", "AHR+KLF1", "BAK1+CBL"}),
        (scperturb, Hints(), {}, {"ctrl", "AHR", "KLF1", "AHR+KLF1"}),
        (adamson, Hints(), {"drop_unlabelled": True}, {"ctrl", "AHR", "KLF1"}),
        (pertpy_norman, Hints(), {}, {"ctrl", "AHR", "KLF1", "AHR+KLF1"}),
        (
            scperturb_guides,
            Hints(covariates=("perturbation_2",)),
            {},
            {f"{gene}|{state}" for gene in ("ctrl", "LCK", "ZAP70") for state in ("stimulated", "unstimulated")},
        ),
        (
            sciplex,
            Hints(),
            {},
            {
                f"{label}|{line}"
                for label in ("ctrl", "Aspirin@10", "Caffeine@100", "Caffeine@10000")
                for line in ("A549", "K562")
            },
        ),
        (
            chemcpa,
            Hints(),
            {},
            {
                f"{label}|{line}"
                for label in ("ctrl", "Aspirin@10", "Caffeine@100", "Aspirin@10000")
                for line in ("A549", "K562")
            },
        ),
        (kang, KANG, {}, {f"{label}|{cell}" for label in ("ctrl", "IFN-beta") for cell in ("B", "NK")}),
    ],
)
def test_a_screen_of_each_layout_becomes_canonical(
    cache: Path, tmp_path: Path, make: Callable[[], AnnData], hints: Hints, rest: dict[str, Any], conditions: set[str]
) -> None:
    imported = bring_in(make(), tmp_path, hints, **rest)
    assert set(imported.dataset.conditions) == conditions
    check_canonical(everything(imported), "mine")
    assert imported.dataset.path == cache / "datasets" / "mine.h5ad"
    assert open_dataset("mine").hash == imported.dataset.hash


@pytest.mark.usefixtures("cache")
class TestConditions:
    def test_doses_are_written_in_nm_and_controls_have_none(self, tmp_path: Path) -> None:
        obs = bring_in(chemcpa(), tmp_path).dataset.obs
        assert sorted(set(obs.loc[~obs["control"], "dose"])) == [10.0, 100.0, 10000.0]
        assert obs.loc[obs["control"], "dose"].isna().all()

    def test_structures_are_canonical_and_controls_have_none(self, tmp_path: Path) -> None:
        obs = bring_in(chemcpa(), tmp_path).dataset.obs
        expected = canonical_smiles([ASPIRIN, CAFFEINE], "")
        assert set(obs.loc[obs["drug"] == "Aspirin", "smiles"]) == {expected[ASPIRIN]}
        assert set(obs.loc[obs["control"], "smiles"]) == {""}

    def test_a_treatment_without_structure_is_reported(self, tmp_path: Path) -> None:
        assert "treatments without a structure: 1 (IFN-beta)" in bring_in(kang(), tmp_path, KANG).notes

    def test_covariates_are_joined_to_the_cell_type_where_both_vary(self, tmp_path: Path) -> None:
        adata = scperturb_guides(80)
        adata.obs["celltype"] = [["T", "B"][i // 10 % 2] for i in range(80)]
        obs = bring_in(adata, tmp_path, Hints(covariates=("perturbation_2",))).dataset.obs
        assert set(obs["cell_type"]) == {f"{cell}/{state}" for cell in "TB" for state in ("stimulated", "unstimulated")}

    def test_a_file_without_cell_type_says_so(self, tmp_path: Path) -> None:
        imported = bring_in(pertpy_norman(), tmp_path)
        assert set(imported.dataset.obs["cell_type"]) == {"unspecified"}
        assert ("cell_type", "unspecified", "no column of a usual name") in imported.recognised

    def test_what_was_recognised_names_field_column_and_rule(self, tmp_path: Path) -> None:
        rows = bring_in(scperturb_guides(), tmp_path, Hints(covariates=("perturbation_2",))).recognised
        assert ("perturbation", "obs.target", "obs.perturbation is this gene with a guide's name behind it") in rows
        assert ("cell_type", "obs.perturbation_2", "named by --covariate-key") in rows

    def test_perturbed_genes_that_are_measured_are_counted(self, tmp_path: Path) -> None:
        adata = gears()[:, [0, 1, 2]].copy()
        notes = bring_in(adata, tmp_path, wish=Wish(values="log1p")).notes
        assert "3 of 4 perturbed genes are among the 3 genes measured" in notes

    def test_sciplex_gets_its_published_short_names_and_structures(self, tmp_path: Path) -> None:
        adata = sciplex()
        names = {"Aspirin": "(+)-JQ1", "Caffeine": "2-Methoxyestradiol (2-MeOE2)"}
        adata.obs["perturbation"] = adata.obs["perturbation"].astype(str).replace(names)
        imported = import_file(Request(save(adata, tmp_path), name="sciplex3"))
        treated = imported.dataset.obs[~imported.dataset.obs["control"]]
        assert set(treated["drug"]) == {"JQ1", "2-Methoxyestradiol"}
        assert (treated["smiles"] != "").all()
        assert any(note.startswith("not as published: ") for note in imported.notes)


@pytest.mark.usefixtures("cache")
class TestValues:
    def test_counts_are_normalised_and_kept(self, tmp_path: Path) -> None:
        adata = scperturb()
        imported = bring_in(adata, tmp_path)
        cells = everything(imported)
        np.testing.assert_array_equal(cells.layers["counts"].toarray(), adata.X.toarray())
        np.testing.assert_allclose(cells.X.toarray(), log_normalised(adata.X).toarray(), rtol=1e-5)
        assert imported.scale.kind == "counts"

    @pytest.mark.parametrize("store", [lambda x: x.toarray(), csc_matrix, lambda x: x.toarray().astype(np.int64)])
    def test_the_storage_of_the_matrix_does_not_matter(self, tmp_path: Path, store: Callable[[Any], Any]) -> None:
        plain, other = scperturb(), scperturb()
        other.X = store(other.X)
        one = bring_in(plain, tmp_path).dataset.hash
        assert bring_in(other, tmp_path, force=True).dataset.hash == one

    def test_log_values_of_ten_thousand_are_kept_bit_by_bit(self, tmp_path: Path) -> None:
        adata = gears()
        cells = everything(bring_in(adata, tmp_path))
        np.testing.assert_array_equal(cells.X.toarray(), adata.X.toarray())
        assert "counts" not in cells.layers

    @pytest.mark.parametrize(
        "values",
        [
            lambda counts: log_normalised(counts, 500.0),
            lambda counts: log_normalised(counts).expm1(),
            lambda counts: log_normalised(counts) / np.float32(np.log(2)),
        ],
        ids=["another total", "no logarithm", "binary logarithm"],
    )
    def test_normalised_values_of_another_scale_are_brought_to_ten_thousand(self, tmp_path: Path, values: Any) -> None:
        adata = scperturb()
        counts = adata.X
        adata.X = values(counts).astype(np.float32)
        found = everything(bring_in(adata, tmp_path)).X
        np.testing.assert_allclose(found.toarray(), log_normalised(counts).toarray(), rtol=1e-4)

    def part_of_the_genes(self, n_cells: int = 400) -> tuple[AnnData, np.ndarray]:
        """Log values of eight of the genes, normalised to a total over all of them."""
        adata = scperturb(n_cells)
        totals = np.asarray(adata.X.sum(axis=1)).ravel()
        adata.X = log_normalised(adata.X, 5000.0)
        return adata[:, :8].copy(), totals

    def test_log_values_of_some_genes_are_kept_and_an_unknown_total_is_said_to_be_assumed(self, tmp_path: Path) -> None:
        adata, _ = self.part_of_the_genes()
        imported = bring_in(adata, tmp_path)
        np.testing.assert_array_equal(everything(imported).X.toarray(), adata.X.toarray())
        assert "target sum not in the file, 10000 assumed" in str(imported.dataset.provenance["normalisation"])

    def test_the_total_is_found_from_a_column_of_cell_totals(self, tmp_path: Path) -> None:
        adata, totals = self.part_of_the_genes()
        adata.obs["ncounts"] = totals
        assert bring_in(adata, tmp_path).dataset.provenance["target_sum"] == 5000.0

    def test_a_column_of_something_else_is_not_taken_for_totals(self, tmp_path: Path) -> None:
        adata, totals = self.part_of_the_genes()
        adata.obs["ncounts"] = np.random.default_rng(0).permutation(totals)
        assert "10000 assumed" in str(bring_in(adata, tmp_path).dataset.provenance["normalisation"])

    def test_the_total_can_be_said(self, tmp_path: Path) -> None:
        adata, _ = self.part_of_the_genes()
        assert bring_in(adata, tmp_path, wish=Wish(target_sum=5000.0)).dataset.provenance["target_sum"] == 5000.0

    def test_a_total_below_what_a_cell_sums_to_is_refused(self, tmp_path: Path) -> None:
        adata, _ = self.part_of_the_genes()
        with pytest.raises(DataError, match=r"X: a cell sums to .* more than the target sum of 100 .*--target-sum"):
            bring_in(adata, tmp_path, wish=Wish(target_sum=100.0))

    def test_counts_of_a_layer_come_before_scaled_values(self, tmp_path: Path) -> None:
        adata = scperturb()
        adata.layers["counts"] = adata.X.copy()
        adata.X = adata.X.toarray() - 1.5
        cells = everything(bring_in(adata, tmp_path))
        np.testing.assert_array_equal(cells.layers["counts"].toarray(), adata.layers["counts"].toarray())

    def test_log_values_over_more_genes_stay_beside_the_counts_they_belong_to(self, tmp_path: Path) -> None:
        adata = scperturb(400)
        adata.layers["counts"] = adata.X.copy()
        adata.X = log_normalised(adata.X)
        adata = adata[:, :8].copy()
        cells = everything(bring_in(adata, tmp_path))
        np.testing.assert_array_equal(cells.X.toarray(), adata.X.toarray())
        np.testing.assert_array_equal(cells.layers["counts"].toarray(), adata.layers["counts"].toarray())

    def test_raw_can_hold_the_counts_and_its_own_genes(self, tmp_path: Path) -> None:
        adata = scperturb()
        adata.raw = adata.copy()
        adata = adata[:, :5].copy()
        adata.X = adata.X.toarray() - 1.5
        dataset = bring_in(adata, tmp_path, wish=Wish(counts_layer="raw")).dataset
        assert dataset.genes.tolist() == list(GENES)

    def test_cells_without_counts_are_kept_and_reported(self, tmp_path: Path) -> None:
        adata = scperturb()
        adata.X = adata.X.multiply((np.arange(adata.n_obs) != 1)[:, None]).tocsr()
        imported = bring_in(adata, tmp_path)
        assert "1 cells have no count in any gene; they are kept, all zero" in imported.notes


@pytest.mark.usefixtures("cache")
class TestCells:
    def test_only_cells_with_true_are_kept(self, tmp_path: Path) -> None:
        adata = scperturb()
        adata.obs["single_guide"] = np.arange(adata.n_obs) >= 12
        imported = bring_in(adata, tmp_path, keep=(("single_guide", None),))
        assert imported.dataset.obs.index.tolist() == adata.obs_names[12:].tolist()
        np.testing.assert_array_equal(everything(imported).layers["counts"].toarray(), adata.X[12:].toarray())

    def test_values_of_one_column_add_and_columns_narrow(self, tmp_path: Path) -> None:
        adata = scperturb()
        adata.obs["batch"] = [["a", "b", "c"][i // 4 % 3] for i in range(adata.n_obs)]
        adata.obs["time"] = [[24.0, 72.0][i // 20] for i in range(adata.n_obs)]
        kept = bring_in(adata, tmp_path, keep=(("batch", "a"), ("batch", "b"), ("time", "24"))).dataset.obs.index
        wanted = adata.obs["batch"].isin(["a", "b"]) & (adata.obs["time"] == 24)
        assert kept.tolist() == adata.obs_names[wanted].tolist()

    def test_guides_that_are_flagged_are_pointed_out(self, tmp_path: Path) -> None:
        adata = scperturb()
        adata.obs["single_guide"] = np.arange(adata.n_obs) >= 12
        assert (
            "obs.single_guide is False in 12 cells; `--keep single_guide` leaves them out"
            in bring_in(adata, tmp_path).notes
        )

    def test_cells_without_a_label_are_left_out_only_when_told(self, tmp_path: Path) -> None:
        with pytest.raises(
            DataError, match=r"obs.perturbation: 16 of 40 cells have no perturbation label .*--drop-unlabelled"
        ):
            bring_in(adamson(), tmp_path)
        imported = bring_in(adamson(), tmp_path, drop_unlabelled=True)
        assert len(imported.dataset.obs) == 24
        assert "16 cells without a perturbation label left out" in imported.notes

    def test_missing_labels_can_be_said_to_be_the_control(self, tmp_path: Path) -> None:
        adata = screen({"guide": cycle([None, "AHR"], 40)})
        dataset = bring_in(adata, tmp_path, Hints(perturbation="guide", controls=("nan",), modality="gene")).dataset
        assert int(dataset.obs["control"].sum()) == 20


def with_x(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[AnnData], None]:
    def spoil(adata: AnnData) -> None:
        adata.X = change(adata.X.toarray())

    return spoil


def put(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        values[2, 1] = value
        return values

    return change


def with_column(column: str, values: Any) -> Callable[[AnnData], None]:
    def spoil(adata: AnnData) -> None:
        adata.obs[column] = values

    return spoil


def genes_twice(adata: AnnData) -> None:
    adata.var.index = pd.Index([GENES[1], *GENES[1:]])


def cells_twice(adata: AnnData) -> None:
    adata.obs.index = pd.Index(["cell1", *adata.obs_names[1:]])


def no_cells(adata: AnnData) -> None:
    adata._inplace_subset_obs(np.array([], dtype=int))


def counts_layer_of_fractions(adata: AnnData) -> None:
    adata.X = log_normalised(adata.X)
    adata.layers["counts"] = adata.X * 0.5


BAD: dict[str, tuple[Callable[[], AnnData], Callable[[AnnData], None], dict[str, Any], str]] = {
    "NaN": (
        scperturb,
        with_x(put(np.nan)),
        {},
        r"X: values are missing \(1 values .* cell 'cell2', gene 'BAK1': nan\)",
    ),
    "infinity": (scperturb, with_x(put(np.inf)), {}, r"X: values are missing .*gene 'BAK1': inf"),
    "negative values": (
        scperturb,
        with_x(lambda x: x - 0.5),
        {},
        r"X: negative values .*--counts-layer` \(the file has none",
    ),
    "logarithm taken twice": (gears, with_x(np.log1p), {}, r"X: the logarithm was taken twice .*Undo one"),
    "binarised values": (scperturb, with_x(np.sign), {}, r"X: binarised values say nothing"),
    "values of no scale": (
        scperturb,
        with_x(lambda x: x + x**0.3),
        {},
        r"X: the scale cannot be told .*--values linear",
    ),
    "all zero": (scperturb, with_x(np.zeros_like), {}, r"X: there is nothing in it"),
    "a layer of counts that is none": (
        scperturb,
        counts_layer_of_fractions,
        {},
        r"layers/counts: does not hold counts",
    ),
    "a layer that is not there": (
        scperturb,
        with_x(np.log1p),
        {"wish": Wish(counts_layer="umi")},
        r"--counts-layer umi: there is no such layer; the file has none",
    ),
    "no raw": (
        scperturb,
        with_x(np.log1p),
        {"wish": Wish(counts_layer="raw")},
        r"--counts-layer raw: the file has no raw",
    ),
    "counts that are said and are not": (
        gears,
        lambda _: None,
        {"wish": Wish(values="counts")},
        r"--values counts: they are not whole numbers",
    ),
    "repeated genes": (scperturb, genes_twice, {}, r"var index: 1 gene names occur more than once \(BAK1\)"),
    "repeated cells": (scperturb, cells_twice, {}, r"obs_names: 1 names occur more than once \(cell1\)"),
    "no cells": (scperturb, no_cells, {}, r"obs_names: there are none"),
    "no cell kept": (
        scperturb,
        with_column("batch", cycle(["a", "b"], 40)),
        {"keep": (("batch", "c"),)},
        r"--keep batch=c: no cell has it; frequent values: 'a' \(20\), 'b' \(20\)",
    ),
    "nothing that fulfils all": (
        scperturb,
        with_column("batch", cycle(["a", "b"], 40)),
        {"keep": (("batch", "a"), ("nperts", "2"))},
        r"--keep: no cell fulfils all of them",
    ),
    "a column that is not there": (
        scperturb,
        lambda _: None,
        {"keep": (("cell_lin", None),)},
        r"--keep cell_lin: there is no obs column 'cell_lin' \(closest: cell_line",
    ),
    "doses that are no numbers": (
        sciplex,
        with_column("dose_value", cycle(["0", "ten", "100", "1+1"], 60)),
        {},
        r"obs.dose_value: 30 treated cells have a dose that is not a number >= 0 \('ten' \(15\), '1\+1' \(15\)\)",
    ),
    "doses that are missing": (
        sciplex,
        with_column("dose_value", [np.nan, np.nan, *[10.0] * 58]),
        {},
        r"obs.dose_value: 1 treated cells have a dose that is not a number",
    ),
    "a structure that is none": (
        chemcpa,
        with_column("SMILES", cycle(["", "C1CC", CAFFEINE, "C1CC"], 60)),
        {},
        r"obs.SMILES: 'C1CC' is not a valid SMILES",
    ),
    "two structures of a drug": (
        chemcpa,
        with_column("SMILES", cycle(["", ASPIRIN, CAFFEINE, CAFFEINE], 60)),
        {},
        r"obs\['smiles'\]: 'Aspirin' has two structures",
    ),
    "a cell type without controls": (
        gears,
        with_column("cell_type", ["K562"] * 39 + ["other"]),
        {},
        r"obs\['control'\]: no control cells in cell type 'other'",
    ),
    "cells without cell type": (
        gears,
        with_column("line", [None] + ["a"] * 39),
        {"hints": Hints(cell_type="line")},
        r"obs.line: 1 cells have no cell type",
    ),
    "a name with a mark of condition keys": (
        gears,
        with_column("cell_type", ["K|562"] * 20 + ["A549"] * 20),
        {},
        r"'K\|562' contains '@' or '\|'",
    ),
    "a renaming of nothing": (
        scperturb,
        lambda _: None,
        {"hints": Hints(rename={"KLF2": "X"})},
        r"--rename KLF2: .*closest: KLF1",
    ),
}


@pytest.mark.parametrize("flaw", BAD)
@pytest.mark.filterwarnings("ignore:.*names are not unique:UserWarning")  # repeated on purpose
def test_bad_input_is_refused_with_its_place_and_leaves_nothing_behind(cache: Path, tmp_path: Path, flaw: str) -> None:
    make, spoil, request, message = BAD[flaw]
    adata = make()
    spoil(adata)
    with pytest.raises(DataError, match=message):
        bring_in(adata, tmp_path, **request)
    assert not list(cache.rglob("*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as HDF5"),
        (b"condition,cell\nctrl,1\n", "cannot be read as HDF5"),
        (None, "there is no such file; check the path"),
    ],
)
def test_what_is_no_hdf5_file_is_refused(cache: Path, tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "screen.h5ad"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        import_file(Request(path))
    assert not cache.exists()


def test_a_truncated_file_is_refused(cache: Path, tmp_path: Path) -> None:
    path = save(scperturb(), tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"screen.h5ad: cannot be read as HDF5 .*truncated"):
        import_file(Request(path))
    assert not cache.exists()


@pytest.mark.usefixtures("cache")
def test_an_hdf5_file_of_something_else_is_refused(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["layer1"] = np.zeros(3)
    with pytest.raises(
        DataError, match=r"weights.h5, X: absent \(the file holds layer1\), so this is not an h5ad file"
    ):
        import_file(Request(path))


@pytest.mark.usefixtures("cache")
def test_categories_as_anndata_07_wrote_them_are_read(tmp_path: Path) -> None:
    """The public files of 2021: codes that refer to ``obs/__categories``, no mark on plain columns."""
    import h5py

    new = bring_in(scperturb(), tmp_path).dataset.hash
    path = tmp_path / "screen.h5ad"
    with h5py.File(path, "r+") as file:
        obs = file["obs"]
        obs.attrs["encoding-version"] = "0.1.0"
        for column in ("perturbation", "cell_line", "perturbation_type"):
            codes, categories = obs[f"{column}/codes"][:], obs[f"{column}/categories"][:]
            del obs[column]
            obs[f"__categories/{column}"] = categories
            obs[column] = codes
            obs[column].attrs["categories"] = obs[f"__categories/{column}"].ref
        for attribute in ("encoding-type", "encoding-version"):
            del obs["nperts"].attrs[attribute]
    assert import_file(Request(path, name="old")).dataset.hash == new


@pytest.mark.usefixtures("cache")
class TestCache:
    def test_the_same_file_again_changes_nothing(self, tmp_path: Path) -> None:
        first = bring_in(scperturb(), tmp_path)
        stamp = first.dataset.path.stat().st_mtime_ns
        again = bring_in(scperturb(), tmp_path)
        assert (first.written, again.written) == (True, False)
        assert again.dataset.path.stat().st_mtime_ns == stamp

    def test_another_data_set_of_that_name_is_replaced_only_when_told(self, tmp_path: Path) -> None:
        before = bring_in(scperturb(), tmp_path).dataset.hash
        with pytest.raises(DataError, match=r"another data set of the name 'mine' is there .*--force"):
            bring_in(gears(), tmp_path)
        assert open_dataset("mine").hash == before
        assert bring_in(gears(), tmp_path, force=True).dataset.hash != before

    def test_a_damaged_data_set_of_that_name_is_replaced_only_when_told(self, tmp_path: Path) -> None:
        path = bring_in(scperturb(), tmp_path).dataset.path
        path.write_bytes(b"damaged")
        with pytest.raises(DataError, match="a damaged data set of that name is there"):
            bring_in(scperturb(), tmp_path)
        assert bring_in(scperturb(), tmp_path, force=True).written

    def test_a_name_is_made_of_the_file_name(self, tmp_path: Path) -> None:
        path = save(scperturb(), tmp_path, "My Screen-2.h5ad")
        assert import_file(Request(path)).dataset.name == "my_screen_2"

    @pytest.mark.parametrize(
        ("name", "message"), [("My Screen", "lower-case letters"), ("sim_double", "embedded simulation")]
    )
    def test_a_name_that_will_not_do_is_refused(self, tmp_path: Path, name: str, message: str) -> None:
        with pytest.raises(DataError, match=message):
            import_file(Request(save(scperturb(), tmp_path), name=name))

    def test_provenance_says_where_it_comes_from_and_how_it_was_read(self, tmp_path: Path) -> None:
        from bench.hashing import hash_file

        provenance = bring_in(kang(), tmp_path, KANG).dataset.provenance
        assert provenance["source_file"] == "screen.h5ad"
        assert provenance["source_sha256"] == hash_file(tmp_path / "screen.h5ad")
        assert provenance["importer"] == "generic@1"
        assert '"rename": {"STIM": "IFN-beta"}' in str(provenance["options"])


def test_counts_drawn_for_tests_have_no_empty_cell() -> None:
    assert np.asarray(draw_counts(50).sum(axis=1)).min() > 0
