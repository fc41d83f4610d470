"""The importers on the real files, where these are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from anndata import read_h5ad

from bench.data.canonical import check_canonical
from bench.data.importer import Imported, Request, import_file
from bench.data.reading import Hints
from bench.errors import DataError

SHARED = Path(__file__).resolve().parents[3] / "../shared/data"
PAPALEXI, NORMAN, KANG, DATLINGER = (
    SHARED / f"{name}.h5ad"
    for name in (
        "papalexi2021_thp1_knockout",
        "norman2019_k562_subset",
        "kang2018_pbmc_ifnb",
        "datlinger2021_jurkat_tcr",
    )
)


def bring_in(request: Request) -> Imported:
    if not request.file.exists():
        pytest.skip(f"the real data set {request.file.name} is not in {SHARED}")
    imported = import_file(request)
    check_canonical(imported.dataset.cells(np.arange(len(imported.dataset.obs))), request.file.name)
    return imported


@pytest.mark.usefixtures("cache")
def test_papalexi_is_read_as_gears_and_single_guides_can_be_kept() -> None:
    imported = bring_in(Request(PAPALEXI, name="papalexi", keep=(("single_guide", None),)))
    dataset = imported.dataset
    assert imported.recognised[0] == ("layout", "gears", "recognised")
    assert (len(dataset.obs), int(dataset.obs["control"].sum()), len(dataset.conditions)) == (16_192, 1_923, 26)
    assert {"ctrl", "STAT2", "JAK2"} < set(dataset.conditions)
    assert "9 of 25 perturbed genes are among the 299 genes measured" in imported.notes
    assert dataset.provenance["has_counts"] is True


@pytest.mark.usefixtures("cache")
def test_the_norman_subset_keeps_its_log_values_and_takes_no_dose() -> None:
    imported = bring_in(Request(NORMAN, name="norman_subset"))
    dataset = imported.dataset
    assert ("perturbation", "obs.gears_condition", "usual name") in imported.recognised
    assert imported.scale.kind == "log"
    assert "layout scperturb fits too and reads every cell alike" in imported.notes
    assert "obs.dose is not used: genes have no dose" in imported.notes
    doubles = [key for key in dataset.conditions if "+" in key]
    assert (len(dataset.conditions), len(doubles), int(dataset.obs["control"].sum())) == (34, 15, 100)
    assert dataset.provenance["target_sum"] == 1e4
    source = read_h5ad(NORMAN)
    assert (dataset.cells(np.arange(source.n_obs)).X != source.X).nnz == 0


@pytest.mark.usefixtures("cache")
def test_kang_is_a_treatment_of_thirteen_cell_types() -> None:
    hints = Hints(perturbation="stim", controls=("CTRL",), modality="treatment", rename={"STIM": "IFN-beta"})
    dataset = bring_in(Request(KANG, name="kang", hints=hints)).dataset
    assert dataset.modality == "treatment"
    assert "IFN-beta|CD14 Mono" in dataset.conditions
    assert (len(dataset.obs), len(dataset.genes), len(dataset.conditions)) == (4_420, 13_215, 26)


@pytest.mark.usefixtures("cache")
def test_datlinger_asks_about_its_stimulation_then_reads_targets_not_guides() -> None:
    if DATLINGER.exists():
        with pytest.raises(DataError, match=r"obs.perturbation_2: a second perturbation"):
            import_file(Request(DATLINGER, name="datlinger"))
    imported = bring_in(Request(DATLINGER, name="datlinger", hints=Hints(covariates=("perturbation_2",))))
    dataset = imported.dataset
    assert (
        "perturbation",
        "obs.target",
        "obs.perturbation is this gene with a guide's name behind it",
    ) in imported.recognised
    assert {"ctrl|stimulated", "DOK2|unstimulated"} < set(dataset.conditions)
    assert len(dataset.conditions) == 42


@pytest.mark.usefixtures("cache")
def test_datlinger_reads_the_same_with_every_column_named() -> None:
    automatic = bring_in(Request(DATLINGER, name="datlinger", hints=Hints(covariates=("perturbation_2",))))
    hints = Hints(perturbation="target", controls=("control",), cell_type="perturbation_2", modality="gene")
    assert bring_in(Request(DATLINGER, name="datlinger", hints=hints)).dataset.hash == automatic.dataset.hash
