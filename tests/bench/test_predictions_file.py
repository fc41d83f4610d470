from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from bench.errors import PredictionError
from bench.predictions_file import read_predictions
from methods.conditions import parse_key

GENES = pd.Index(["A", "B", "C"])
ASKED = {key: parse_key(key) for key in ("A+B", "C")}


def predictions(tmp_path: Path, **changes) -> Path:
    """A faultless file of two cells per condition, with some of its parts replaced."""
    parts = {
        "X": np.arange(12, dtype=np.float32).reshape(4, 3) / 2,
        "obs": {"condition": ["A+B", "A+B", "C", "C"]},
        "genes": list(GENES),
        "uns": {},
    } | changes
    path = tmp_path / "predictions.h5ad"
    obs = pd.DataFrame(parts["obs"], index=[f"p{i}" for i in range(parts["X"].shape[0])])
    adata = anndata.AnnData(parts["X"], obs=obs, var=pd.DataFrame(index=parts["genes"]))
    adata.uns.update(parts["uns"])
    adata.write_h5ad(path)
    return path


def read(path: Path):
    return read_predictions(path, genes=GENES, asked=ASKED, modality="gene", target_sum=1e4)


def test_a_faultless_file_reads_back(tmp_path):
    found = read(predictions(tmp_path))
    assert found.output == "cells"
    assert list(found.cells) == ["A+B", "C"]
    np.testing.assert_array_equal(found.cells["C"].toarray(), [[3, 3.5, 4], [4.5, 5, 5.5]])


def test_genes_in_another_order_are_ordered_by_name(tmp_path):
    path = predictions(tmp_path, genes=["C", "A", "B"])
    np.testing.assert_array_equal(read(path).cells["A+B"].toarray()[0], [0.5, 1, 0])


def test_conditions_in_another_spelling_are_understood(tmp_path):
    path = predictions(tmp_path, obs={"condition": ["B+A", "A+B", "C+ctrl", "ctrl+C"]})
    assert {key: cells.shape[0] for key, cells in read(path).cells.items()} == {"A+B": 2, "C": 2}


def test_a_sparse_matrix_is_as_good_as_a_dense_one(tmp_path):
    dense = read(predictions(tmp_path))
    sparse = read(predictions(tmp_path, X=csr_matrix(np.arange(12, dtype=np.float32).reshape(4, 3) / 2)))
    np.testing.assert_array_equal(dense.cells["C"].toarray(), sparse.cells["C"].toarray())


def test_a_condition_left_out_on_purpose_keeps_its_reason(tmp_path):
    path = predictions(
        tmp_path,
        X=np.ones((2, 3), dtype=np.float32),
        obs={"condition": ["A+B", "A+B"]},
        uns={"bench": {"unsupported": '{"C": "not measured"}'}},
    )
    found = read(path)
    assert list(found.cells) == ["A+B"]
    assert found.unsupported == {"C": "not measured"}


def test_a_mean_has_one_row_per_condition_and_may_be_negative(tmp_path):
    mean = {"uns": {"bench": {"output": "mean"}}}
    path = predictions(tmp_path, X=np.array([[-0.1, 0, 1], [1, 2, 3]]), obs={"condition": ["A+B", "C"]}, **mean)
    assert read(path).output == "mean"
    with pytest.raises(PredictionError, match=r"'A\+B': 2 rows"):
        read(predictions(tmp_path, **mean))


FAULTS = {
    "missing gene": ({"genes": ["A", "B", "D"]}, "1 of the task's 3 genes are missing, first 'C'"),
    "extra gene": (
        {"genes": ["A", "B", "C", "D"], "X": np.ones((4, 4), dtype=np.float32)},
        "1 genes are not in the task's panel, first 'D'",
    ),
    "repeated gene": (
        {"genes": ["A", "B", "C", "C"], "X": np.ones((4, 4), dtype=np.float32)},
        "'C' stands twice",
    ),
    "no condition column": ({"obs": {"perturbation": ["A+B", "A+B", "C", "C"]}}, "no column 'condition'.*perturbation"),
    "empty condition": ({"obs": {"condition": ["A+B", None, "C", "C"]}}, "row 1 has no condition"),
    "missing condition": ({"obs": {"condition": ["A+B"] * 4}}, r"1 of 2 test conditions are missing \('C'\)"),
    "unknown condition": ({"obs": {"condition": ["A+B", "A+B", "C", "A"]}}, "'A' is not a test condition"),
    "control condition": ({"obs": {"condition": ["A+B", "ctrl", "C", "C"]}}, "'ctrl' is not a test condition"),
    "NaN": ({"X": np.full((4, 3), np.nan)}, r"condition 'A\+B', cell 0, gene 'A': value nan is not finite"),
    "infinity": ({"X": np.full((4, 3), np.inf)}, "value inf is not finite"),
    "negative": ({"X": np.full((4, 3), -0.5)}, "is negative"),
    "counts": ({"X": np.full((4, 3), 40.0)}, "look like counts"),
    "text": ({"uns": {"bench": {"output": "median"}}}, "'median' is not one of cells, mean"),
    "misspelt declaration": ({"uns": {"bench": {"outptu": "mean"}}}, "no 'outptu', there are output, unsupported"),
    "declaration of another kind": ({"uns": {"bench": "mean"}}, "'mean' is not a dictionary"),
    "bad reasons": ({"uns": {"bench": {"unsupported": "C"}}}, "not a JSON object"),
    "both": ({"uns": {"bench": {"unsupported": '{"C": "why"}'}}}, "'C' is both predicted and declared unsupported"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_a_fault_is_named_with_its_place(tmp_path, fault):
    changes, message = FAULTS[fault]
    with pytest.raises(PredictionError, match=message) as error:
        read(predictions(tmp_path, **changes))
    assert str(tmp_path / "predictions.h5ad") in str(error.value)


@pytest.mark.parametrize("content", [b"", b"not hdf5 at all", None])
def test_a_file_that_is_not_what_its_name_says(tmp_path, content):
    path = tmp_path / "p.h5ad"
    if content is None:
        path.write_bytes(predictions(tmp_path).read_bytes()[:-3000])
    else:
        path.write_bytes(content)
    with pytest.raises(PredictionError, match="cannot be read as HDF5"):
        read(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(PredictionError, match="there is no such file"):
        read(tmp_path / "nowhere.h5ad")


def test_a_file_that_points_to_another_is_refused(tmp_path):
    path = predictions(tmp_path)
    elsewhere = tmp_path / "elsewhere.h5ad"
    elsewhere.write_bytes(path.read_bytes())
    with h5py.File(path, "a") as file:
        del file["X"]
        file["X"] = h5py.ExternalLink(str(elsewhere), "/X")
    with pytest.raises(PredictionError, match=r"/X: its values lie in .*elsewhere\.h5ad, which is not followed"):
        read(path)


def test_a_virtual_dataset_is_refused(tmp_path):
    path = predictions(tmp_path)
    elsewhere = tmp_path / "elsewhere.h5ad"
    elsewhere.write_bytes(path.read_bytes())
    layout = h5py.VirtualLayout((4, 3), dtype="float32")
    layout[:] = h5py.VirtualSource(str(elsewhere), "X", shape=(4, 3))
    with h5py.File(path, "a") as file:
        del file["X"]
        file.create_virtual_dataset("X", layout)
    with pytest.raises(PredictionError, match="/X: its values lie in another file"):
        read(path)
