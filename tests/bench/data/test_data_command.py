from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from screen_files import chemcpa, kang, save, scperturb

from bench.commands import data
from bench.errors import DataError
from bench.paths import dataset_path


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    data.add_arguments(parser)
    return data.run(parser.parse_args(arguments))


def output(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("cache")
class TestImport:
    def test_it_says_what_it_recognised_and_what_it_made(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("import", str(save(scperturb(), tmp_path)), "--name", "mine") == 0
        said = output(capsys)
        assert "layout scperturb recognised" in said
        assert "cell_type obs.cell_line usual name, one value" in said
        assert "values counts all" in said
        assert "mine: 40 cells (10 controls), 12 genes; conditions: 3, perturbations: 3, cell types: 1" in said
        assert f"mine is now in {dataset_path('mine')}" in said

    def test_it_says_when_the_very_same_was_there(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = str(save(scperturb(), tmp_path))
        run("import", path, "--name", "mine")
        run("import", path, "--name", "mine")
        assert "mine was already, the very same, in" in output(capsys)

    def test_every_column_can_be_named(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        adata = chemcpa()
        adata.obs = adata.obs.rename(columns={"condition": "c", "SMILES": "s", "dose_val": "d", "cell_type": "l"})
        adata.obs["d"] *= 10
        named = ["--perturbation-key", "c", "--control", "control", "--cell-type-key", "l", "--smiles-key", "s"]
        dose = ["--dose-key", "d", "--dose-unit", "uM"]
        assert run("import", str(save(adata, tmp_path)), "--name", "mine", *named, *dose) == 0
        assert "dose obs.d named by --dose-key, uM by --dose-unit" in output(capsys)
        capsys.readouterr()
        assert run("show", "mine") == 0
        assert "conditions: 6, perturbations: 2, cell types: 2" in output(capsys)

    def test_perturbations_can_be_renamed_and_cells_kept(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        named = ["--perturbation-key", "stim", "--control", "CTRL", "--modality", "treatment"]
        more = ["--rename", "STIM=IFN-beta", "--keep", "cell_type=B"]
        assert run("import", str(save(kang(), tmp_path)), *named, *more) == 0
        said = output(capsys)
        assert "treatments without a structure: 1 (IFN-beta)" in said
        assert "cell types: 1" in said

    @pytest.mark.parametrize(
        "option", [["--rename", "STIM"], ["--keep", "=B"], ["--dose-unit", "mg"], ["--layout", "r"]]
    )
    def test_options_that_make_no_sense_are_refused(
        self, option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            run("import", str(tmp_path / "screen.h5ad"), *option)
        assert option[0] in capsys.readouterr().err


@pytest.mark.usefixtures("cache")
class TestCacheCommands:
    @pytest.fixture(autouse=True)
    def _imported(self, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        del cache
        run("import", str(save(scperturb(), tmp_path)), "--name", "mine")
        capsys.readouterr()

    def test_list_shows_what_is_there_and_how_to_get_what_is_not(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("list") == 0
        said = output(capsys)
        assert "mine there 40 12 3 gene" in said
        assert "norman missing" in said
        assert "sim_double_tiny made on first use" in said
        assert "python -m bench data fetch norman" in said

    def test_list_goes_on_past_a_damaged_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        dataset_path("broken").write_bytes(b"broken")
        assert run("list") == 0
        said = output(capsys)
        assert "broken damaged" in said
        assert "mine there" in said
        assert "cannot be read as HDF5" in said

    def test_show_prints_provenance(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("show", "mine") == 0
        said = output(capsys)
        assert "importer scperturb@1" in said
        assert "normalisation counts: scanpy normalize_total(10000), log1p; counts kept" in said

    def test_verify_passes_what_was_written(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("verify") == 0
        assert "mine: good, hash " in output(capsys)

    def test_verify_of_all_reports_the_bad_and_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        dataset_path("broken").write_bytes(b"broken")
        assert run("verify") == 2
        said = output(capsys)
        assert "mine: good" in said
        assert "broken: " in said

    def test_verify_of_one_raises(self) -> None:
        with h5py.File(dataset_path("mine"), "r+") as file:
            file["layers/counts/data"][0] += 1
        with pytest.raises(DataError):
            run("verify", "mine")

    def test_remove_deletes_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("remove", "mine") == 0
        assert f"removed {dataset_path('mine')}" in output(capsys)
        assert not dataset_path("mine").exists()


@pytest.mark.usefixtures("cache")
def test_verify_of_an_empty_cache_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify") == 0
    assert "the cache holds no data set" in output(capsys)


def test_help_loads_no_heavy_package() -> None:
    script = (
        "import argparse, sys; from bench.commands import data; data.add_arguments(argparse.ArgumentParser());"
        "print(sorted({'numpy', 'pandas', 'anndata', 'scanpy', 'rich', 'rdkit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
