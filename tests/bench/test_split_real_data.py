"""Splits and audits of real screens: unseen gene, double, unseen cell type, knock-out by stimulation."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.audit import audit_task
from bench.commands import split as command
from bench.data.dataset import Dataset
from bench.data.importer import Request, import_file
from bench.data.reading import Hints
from bench.splits import Split, read_split

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
SCREENS = {
    "papalexi": ("papalexi2021_thp1_knockout.h5ad", Hints(), (("single_guide", None),)),
    "norman_subset": ("norman2019_k562_subset.h5ad", Hints(), ()),
    "kang": (
        "kang2018_pbmc_ifnb.h5ad",
        Hints(perturbation="stim", controls=("CTRL",), modality="treatment", rename={"STIM": "IFNB"}),
        (),
    ),
    "datlinger": ("datlinger2021_jurkat_tcr.h5ad", Hints(cell_type="perturbation_2"), ()),
}


@pytest.fixture(scope="module", autouse=True)
def _cache_of_this_module(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOLORIS_BENCH_CACHE", str(tmp_path_factory.mktemp("screens")))
        yield


@pytest.fixture(scope="module")
def screen() -> Callable[[str], Dataset]:
    """Import a screen into the cache, once."""

    def load(name: str) -> Dataset:
        file, hints, keep = SCREENS[name]
        if not (DATA / file).exists():
            pytest.skip(f"{file} is not at {DATA}")
        return import_file(Request(DATA / file, name=name, hints=hints, keep=keep)).dataset

    return load


def split_of(tmp_path: Path, *arguments: str) -> Split:
    (file,) = files_of(tmp_path / "split.toml", *arguments)
    return read_split(file)


def files_of(output: Path, *arguments: str) -> list[Path]:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args([*arguments, "--output", str(output)])) == 0
    return sorted(output.glob("*.toml")) if output.is_dir() else [output]


def assert_clean(path: Path) -> None:
    audit = audit_task(str(path))
    assert audit.clean, json.dumps(audit.to_dict(), indent=1)


def test_papalexi_folds_test_each_of_the_nine_measured_targets_once(screen, tmp_path):
    dataset = screen("papalexi")
    files = files_of(tmp_path, "papalexi", "--folds", "9", "--measured-only", "--task", "papalexi")
    tested = Counter(key for file in files for key in read_split(file).conditions.test)
    measured = {key for key in dataset.conditions if key in dataset.genes}
    assert len(measured) == 9
    assert tested == dict.fromkeys(measured, 1)
    assert_clean(files[0])


def test_papalexi_is_proposed_as_unseen_genes(screen, tmp_path, capsys):
    screen("papalexi")
    split = split_of(tmp_path, "papalexi")
    assert split.kind == "unseen_gene"
    assert len(split.conditions.test) == 8  # 30 % of 25
    assert "16 of 25 perturbed genes are not among the measured genes" in capsys.readouterr().out
    assert_clean(tmp_path / "split.toml")


def test_norman_subset_tests_its_fifteen_doubles(screen, tmp_path):
    screen("norman_subset")
    split = split_of(tmp_path, "norman_subset")
    assert split.kind == "double_gene"
    assert len(split.conditions.test) == 15
    assert len(split.conditions.train) + len(split.conditions.validation) == 18
    audit = audit_task(str(tmp_path / "split.toml"))
    assert audit.clean
    assert any("5 of 15 tested combinations have all their single" in finding.detail for finding in audit.findings)


def test_kang_holds_interferon_out_of_a_named_cell_type(screen, tmp_path):
    dataset = screen("kang")
    split = split_of(tmp_path, "kang", "--cell-type", "CD4 Naive T")
    assert split.conditions.test == ("IFNB|CD4 Naive T",)
    assert split.conditions.train
    assert not any(key.endswith("|CD4 Naive T") for key in (*split.conditions.train, *split.conditions.validation))
    assert len(dataset.obs["cell_type"].unique()) == 13
    assert_clean(tmp_path / "split.toml")


def test_datlinger_holds_a_fraction_of_the_knock_outs_out_under_stimulation(screen, tmp_path):
    screen("datlinger")
    split = split_of(tmp_path, "datlinger", "--cell-type", "stimulated", "--test", "0.3")
    assert len(split.conditions.test) == 6  # 30 % of 20
    trained = {key.partition("|")[0] for key in split.conditions.train}
    for key in split.conditions.test:
        knock_out, _, state = key.partition("|")
        assert state == "stimulated"
        assert knock_out in trained
    assert_clean(tmp_path / "split.toml")
