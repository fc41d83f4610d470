from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace

import h5py
import numpy as np
import pytest
from anndata import AnnData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from screen_files import canonical_drug_screen, canonical_genes_screen, scperturb

from bench.data import dataset as module
from bench.data.canonical import content_hash, write_dataset
from bench.data.dataset import (
    imported_names,
    open_dataset,
    read_dataset,
    remove_dataset,
    simulated_names,
    verify_dataset,
)
from bench.errors import DataError, DatasetMissing
from bench.paths import dataset_path


@pytest.fixture
def stored(cache: Path) -> AnnData:
    """A canonical data set ``screen`` in the cache."""
    assert str(dataset_path("screen")).startswith(str(cache))
    adata = canonical_drug_screen()
    write_dataset(adata, dataset_path("screen"))
    return adata


def test_opening_gives_names_labels_and_hash(stored: AnnData) -> None:
    dataset = open_dataset("screen")
    assert (dataset.name, dataset.modality, dataset.hash) == ("screen", "treatment", content_hash(stored))
    assert dataset.genes.tolist() == stored.var_names.tolist()
    assert dataset.obs.index.tolist() == stored.obs_names.tolist()
    assert list(dataset.conditions) == ["Aspirin@10", "Caffeine@1000", "ctrl"]


@given(rows=st.permutations(range(24)).flatmap(lambda order: st.integers(0, 24).map(lambda n: order[:n])))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cells_are_those_rows_in_that_order(stored: AnnData, rows: list[int]) -> None:
    cells = open_dataset("screen").cells(np.array(rows, dtype=int))
    assert cells.obs_names.tolist() == stored.obs_names[rows].tolist()
    assert cells.obs["condition"].astype(str).tolist() == stored.obs["condition"].iloc[rows].tolist()
    np.testing.assert_array_equal(cells.X.toarray(), stored.X[rows].toarray())
    np.testing.assert_array_equal(cells.layers["counts"].toarray(), stored.layers["counts"][rows].toarray())


def test_cells_are_never_dense_and_do_not_need_the_file_any_more(stored: AnnData) -> None:
    cells = open_dataset("screen").cells(np.arange(stored.n_obs) % 2 == 0)
    dataset_path("screen").unlink()
    assert cells.X.format == cells.layers["counts"].format == "csr"
    assert cells.X.dtype == cells.layers["counts"].dtype == np.float32
    assert not cells.isbacked


def test_a_data_set_without_counts_has_no_counts_layer(cache: Path) -> None:
    del cache
    adata = canonical_genes_screen()
    del adata.layers["counts"]
    adata.uns["bench"]["has_counts"] = False
    write_dataset(adata, dataset_path("screen"))
    assert not open_dataset("screen").cells(np.arange(3)).layers


@pytest.mark.usefixtures("cache")
def test_a_known_data_set_that_is_missing_comes_with_instructions() -> None:
    with pytest.raises(DatasetMissing, match=r"`python -m bench data fetch norman` .*norman.zip from .*6154020"):
        open_dataset("norman")
    with pytest.raises(DatasetMissing, match="6154417"):
        open_dataset("adamson")
    with pytest.raises(DatasetMissing, match=r"zenodo.*`python -m bench data fetch sciplex3 --from FOLDER`"):
        open_dataset("sciplex3")


@pytest.mark.usefixtures("stored")
def test_a_name_nobody_knows_comes_with_the_closest() -> None:
    with pytest.raises(
        DatasetMissing, match=r"no data set 'screem' .*closest: screen.*bench data import FILE --name screem"
    ):
        open_dataset("screem")


def overwrite(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def edit(change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return apply


def drop(node: str) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        del file[node]

    return edit(change)


def put(node: str, value: object) -> Callable[[Path], None]:
    def change(file: h5py.File) -> None:
        del file[node]
        file[node] = value

    return edit(change)


def import_nothing(path: Path) -> None:
    scperturb().write_h5ad(path)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (overwrite(b"not HDF5"), "cannot be read as HDF5"),
        (truncate, "cannot be read as HDF5"),
        (import_nothing, r"uns\['bench'\]: absent, so this is not a canonical data set"),
        (drop("X"), "X: absent"),
        (drop("uns/bench/content_hash"), "entry 'content_hash' is missing"),
        (drop("uns/bench/modality"), "entry 'modality' is missing"),
        (edit(lambda file: file["uns/bench/schema"].write_direct(np.array(7))), r"\['schema'\]: found 7, must be 1"),
        (drop("layers/counts"), r"\['has_counts'\]: contradicts the file's layers"),
        (put("X", np.zeros((24, 12), dtype=np.float32)), "X: dense of shape"),
        (put("obs", np.zeros(3)), "obs: written by anndata < 0.7"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_with_its_name(damage: Callable[[Path], None], message: str) -> None:
    path = dataset_path("screen")
    damage(path)
    with pytest.raises(DataError, match=message) as error:
        open_dataset("screen")
    assert str(error.value).startswith(str(path))


@pytest.mark.usefixtures("stored")
def test_a_changed_value_is_found_out() -> None:
    assert verify_dataset("screen") == open_dataset("screen").hash
    with h5py.File(dataset_path("screen"), "r+") as file:
        file["obs/dose"][1] = 20.0
        file["obs/dose"][4] = 20.0
    with pytest.raises(DataError):
        verify_dataset("screen")
    write_dataset(canonical_drug_screen(), dataset_path("screen"))
    with h5py.File(dataset_path("screen"), "r+") as file:
        file["X/data"][0] *= np.float32(1.0001)
    with pytest.raises(DataError, match=r"stamped [0-9a-f]{12} but the content hashes to .*Import it again"):
        verify_dataset("screen")


@pytest.mark.usefixtures("stored")
def test_a_removed_data_set_is_gone() -> None:
    assert remove_dataset("screen") == dataset_path("screen")
    assert imported_names() == ()
    with pytest.raises(DatasetMissing):
        remove_dataset("screen")


@pytest.fixture
def toy_simulation(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A simulation of one data set, ``sim_toy``; yields the names it was asked for."""
    del cache
    asked: list[str] = []

    def simulate(name: str) -> AnnData:
        asked.append(name)
        adata = canonical_genes_screen()
        adata.uns["bench"]["name"] = name
        return adata

    toy = ModuleType("bench.simulation")
    vars(toy).update(PRESETS={"sim_toy": SimpleNamespace()}, simulate=simulate)
    monkeypatch.setitem(sys.modules, "bench.simulation", toy)
    return asked


def test_a_simulated_data_set_is_made_on_first_use_only(toy_simulation: list[str]) -> None:
    assert simulated_names() == ("sim_toy",)
    first, second = open_dataset("sim_toy"), open_dataset("sim_toy")
    assert first.hash == second.hash
    assert toy_simulation == ["sim_toy"]


def test_a_simulation_by_another_generator_is_made_again(
    toy_simulation: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_dataset("sim_toy")
    monkeypatch.setattr(module, "hash_sources", lambda _: "another generator")
    assert open_dataset("sim_toy").provenance["simulation_source"] == "another generator"
    assert len(toy_simulation) == 2


def test_two_that_want_a_simulation_at_once_both_get_it(toy_simulation: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: open_dataset("sim_toy"), range(4)))
    assert len({dataset.hash for dataset in opened}) == 1
    assert [path.name for path in dataset_path("sim_toy").parent.iterdir()] == ["sim_toy.h5ad"]
    assert toy_simulation


def test_reading_a_file_by_path_needs_no_cache(tmp_path: Path) -> None:
    write_dataset(canonical_genes_screen(), tmp_path / "elsewhere.h5ad")
    assert read_dataset(tmp_path / "elsewhere.h5ad").modality == "gene"
