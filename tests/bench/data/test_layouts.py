from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from anndata import AnnData
from screen_files import (
    GENES,
    adamson,
    chemcpa,
    cycle,
    gears,
    kang,
    pertpy_norman,
    sciplex,
    scperturb,
    scperturb_guides,
    screen,
)

from bench.commands.data import LAYOUTS as OFFERED
from bench.commands.data import UNITS
from bench.data.columns import NANOMOLAR
from bench.data.genes import known_symbols
from bench.data.layouts import LAYOUTS, recognise
from bench.data.reading import Hints, Reading, Table
from bench.errors import DataError


def table(adata: AnnData) -> Table:
    return Table("screen.h5ad", adata.obs, known_symbols(adata.var))


def read(adata: AnnData, **hints: object) -> Reading:
    return recognise(table(adata), Hints(**hints))[0]


@pytest.mark.parametrize(
    ("make", "hints", "layout", "column", "modality"),
    [
        (gears, {}, "gears", "condition", "gene"),
        (scperturb, {}, "scperturb", "perturbation", "gene"),
        (scperturb_guides, {"covariates": ("perturbation_2",)}, "scperturb", "target", "gene"),
        (adamson, {}, "scperturb", "perturbation", "gene"),
        (pertpy_norman, {}, "pertpy", "perturbation_name", "gene"),
        (sciplex, {}, "scperturb", "perturbation", "treatment"),
        (chemcpa, {}, "chemcpa", "condition", "treatment"),
        (
            kang,
            {"perturbation": "stim", "controls": ("CTRL",), "modality": "treatment"},
            "generic",
            "stim",
            "treatment",
        ),
    ],
)
def test_each_layout_is_recognised(
    make: Callable[[], AnnData], hints: dict[str, object], layout: str, column: str, modality: str
) -> None:
    reading = read(make(), **hints)
    assert (reading.layout, reading.perturbation.name, reading.style.modality) == (layout, column, modality)


def test_the_command_line_offers_every_layout_and_unit() -> None:
    assert sorted(OFFERED) == sorted(layout.name for layout in LAYOUTS)
    assert set(UNITS) <= set(NANOMOLAR)


def test_layouts_that_read_every_cell_alike_are_no_conflict() -> None:
    adata = gears()
    adata.obs["perturbation"] = adata.obs["condition"].astype(str).str.replace("+ctrl", "").str.replace("ctrl+", "")
    adata.obs["perturbation"] = adata.obs["perturbation"].replace("ctrl", "control")
    adata.obs["perturbation_type"] = "CRISPRa"
    reading, also = recognise(table(adata), Hints())
    assert (reading.layout, also) == ("gears", ["scperturb"])


def test_layouts_that_read_cells_differently_are_listed_not_chosen_from() -> None:
    adata = gears()
    adata.obs["perturbation"] = cycle(["control", "AHR"], adata.n_obs)
    adata.obs["perturbation_type"] = "CRISPRa"
    with pytest.raises(
        DataError, match=r"fits several layouts.*gears: genes in obs.condition.*scperturb: genes in obs.pert"
    ):
        read(adata)
    assert read(adata, layout="scperturb").perturbation.name == "perturbation"
    assert read(adata, perturbation="condition").layout == "gears"


def test_a_file_of_no_layout_is_told_its_columns_and_what_it_could_be() -> None:
    with pytest.raises(DataError) as error:
        read(kang())
    assert "It could be: --perturbation-key stim --control CTRL" in str(error.value)
    assert "Columns: stim (2 values), cell_type (2 values)" in str(error.value)


def test_a_layout_that_was_asked_for_and_does_not_fit_says_what_it_looks_for() -> None:
    with pytest.raises(DataError, match=r"not laid out as in \(chemcpa: obs.condition with a control, obs.SMILES"):
        read(gears(), layout="chemcpa")


def test_a_column_that_is_not_there_is_named_with_the_closest() -> None:
    with pytest.raises(
        DataError, match=r"--cell-type-key: there is no obs column 'celltype' \(closest: cell_type; columns: "
    ):
        read(gears(), cell_type="celltype")


def test_a_control_that_is_not_there_is_named_with_the_frequent_values() -> None:
    with pytest.raises(DataError, match=r"--control ctrl: obs.stim has no such value .*'CTRL' \(20\), 'STIM' \(20\)"):
        read(kang(), perturbation="stim", controls=("ctrl",), modality="treatment")


def test_a_control_that_no_usual_column_has_is_said_to_be_missing() -> None:
    with pytest.raises(DataError, match=r"None of the usual columns has the value 'WT' of --control"):
        read(scperturb(), controls=("WT",))


def test_a_column_without_a_usual_control_asks_for_it() -> None:
    adata = screen({"drug": cycle(["A", "B"], 20)})
    with pytest.raises(
        DataError, match=r"which value of obs.drug is the control with `--control` \('A' \(10\), 'B' \(10\)\)"
    ):
        read(adata, perturbation="drug", modality="treatment")


def test_two_usual_controls_are_not_chosen_from() -> None:
    adata = chemcpa()
    adata.obs["condition"] = cycle(["control", "DMSO", "Aspirin"], adata.n_obs)
    with pytest.raises(DataError, match=r"obs.condition: 'DMSO', 'control' may all mean control"):
        read(adata)
    assert read(adata, controls=("control", "DMSO")).style.controls == {"control", "DMSO"}


def test_a_second_perturbation_is_not_pooled_in_silence() -> None:
    with pytest.raises(DataError, match=r"obs.perturbation_2: a second perturbation.*--covariate-key perturbation_2"):
        read(scperturb_guides())
    assert [column.name for column in read(scperturb_guides(), cell_type="celltype").cell_type] == ["celltype"]


def test_two_columns_that_divide_the_cells_differently_are_not_chosen_from() -> None:
    adata = scperturb()
    adata.obs["cell_line"] = cycle(["A", "B"], adata.n_obs)
    adata.obs["celltype"] = cycle(["x", "y", "z"], adata.n_obs)
    with pytest.raises(DataError, match=r"several columns may be the cell type \(obs.cell_line: .*obs.celltype: "):
        read(adata)


def test_of_two_names_of_one_division_the_usual_one_is_taken() -> None:
    assert [column.name for column in read(sciplex()).cell_type] == ["cell_line"]


def test_a_cell_type_with_gaps_gives_way_to_one_without() -> None:
    adata = sciplex()
    adata.obs["celltype"] = [None, *adata.obs["celltype"][1:]]
    assert [column.name for column in read(adata).cell_type] == ["cell_line"]
    adata.obs["cell_line"] = [None, *adata.obs["cell_line"][1:]]
    with pytest.raises(DataError, match=r"obs.cell_line: 1 cells have no value"):
        read(adata)


def test_plasmid_names_are_cut_off_and_constructs_without_target_are_controls() -> None:
    style = read(adamson()).style
    assert style.controls == {"62(mod)_pBA581"}
    assert style.read("KLF1_pDS006-1", {}) == "KLF1"


def test_an_underscore_joins_genes_where_nperts_says_so() -> None:
    assert read(scperturb()).style.separator == "_"


def test_an_underscore_joins_genes_where_both_are_genes_of_the_file() -> None:
    adata = scperturb()
    del adata.obs["nperts"]
    assert read(adata).style.separator == "_"


def test_an_underscore_that_may_mean_either_is_asked_about() -> None:
    adata = scperturb()
    del adata.obs["nperts"]
    adata.obs["perturbation"] = cycle(["control", "AHR", "AHR_only"], adata.n_obs)
    with pytest.raises(DataError, match=r"'_' in 'AHR_only' \(1 labels\) may join two genes.*--rename"):
        read(adata)
    assert read(adata, rename={"AHR_only": "AHR"}).style.separator == ""


def test_guide_numbers_behind_every_gene_are_cut_off() -> None:
    adata = scperturb()
    adata.obs["perturbation"] = cycle(["control", "AHR_1", "AHR_2", "KLF1_1"], adata.n_obs)
    del adata.obs["nperts"]
    assert read(adata).style.read("AHR_2", {}) == "AHR"


def test_a_drugs_target_is_not_taken_for_a_perturbed_gene() -> None:
    assert read(sciplex()).perturbation.name == "perturbation"


def test_names_that_may_be_genes_or_treatments_are_asked_about() -> None:
    with pytest.raises(DataError, match=r"may be genes or treatments; say which with `--modality gene`"):
        read(kang(), perturbation="stim", controls=("CTRL",))


def test_labels_that_are_genes_of_the_file_need_no_modality() -> None:
    adata = screen({"target": cycle(["NT", *GENES[:3]], 40)})
    assert read(adata, perturbation="target").style.modality == "gene"


def test_doses_of_a_gene_screen_are_refused_when_named_and_ignored_when_not() -> None:
    with pytest.raises(DataError, match="genes have no dose"):
        read(gears(), modality="gene", dose="dose_val")
    assert read(gears()).dose is None


@pytest.mark.parametrize(
    ("unit", "nanomolar"), [("nM", 1.0), ("uM", 1e3), ("µM", 1e3), ("mM", 1e6), ("M", 1e9), ("pM", 1e-3)]
)
def test_a_dose_unit_beside_the_doses_is_read(unit: str, nanomolar: float) -> None:
    adata = sciplex()
    adata.obs["dose_unit"] = unit
    dose = read(adata).dose
    assert dose is not None
    assert dose.nanomolar == nanomolar


def test_a_dose_unit_that_is_no_molarity_is_refused() -> None:
    adata = sciplex()
    adata.obs["dose_unit"] = "ng/ml"
    with pytest.raises(DataError, match=r"obs.dose_unit: ng/ml is not one of pM, nM"):
        read(adata)


def test_a_dose_column_without_a_unit_is_asked_about() -> None:
    adata = kang()
    adata.obs["amount"] = 10.0
    hints = {"perturbation": "stim", "controls": ("CTRL",), "dose": "amount"}
    with pytest.raises(DataError, match=r"--dose-key amount: say the unit with `--dose-unit`"):
        read(adata, **hints)
    dose = read(adata, **hints, dose_unit="uM").dose
    assert dose is not None
    assert dose.nanomolar == 1e3


def test_chemcpa_doses_above_one_are_not_taken_for_fractions() -> None:
    adata = chemcpa()
    adata.obs["dose_val"] = np.where(adata.obs["condition"] == "control", 0.0, 10000.0)
    with pytest.raises(DataError, match=r"obs.dose_val: the largest dose is 10000, but chemCPA's are fractions"):
        read(adata)
    dose = read(adata, dose="dose_val", dose_unit="nM").dose
    assert dose is not None
    assert dose.nanomolar == 1.0
