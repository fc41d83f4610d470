from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from bench.errors import DataError
from bench.exchange import read_resources, write_resources
from bench.resources import load_resources, read_edges, read_vectors


def test_an_edge_list_is_read_by_the_column_names_people_use(tmp_path):
    file = tmp_path / "go.csv.gz"
    pd.DataFrame({"source": ["A"], "target": ["B"], "importance": [0.4]}).to_csv(file, index=False)
    assert read_edges(file).to_dict("records") == [{"source": "A", "target": "B", "weight": 0.4}]


def test_a_tsv_without_header_is_source_and_target(tmp_path):
    file = tmp_path / "trrust.tsv"
    file.write_text("AATF\tBAX\tRepression\t22909821\nAATF\tCDKN1A\tUnknown\t17157788\n")
    edges = read_edges(file)
    assert edges["target"].tolist() == ["BAX", "CDKN1A"]
    assert edges["weight"].tolist() == [1.0, 1.0]


def test_an_edge_list_without_the_columns_lists_those_there_are(tmp_path):
    file = tmp_path / "edges.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="found a, b"):
        read_edges(file)


def test_a_gene_may_be_called_as_missing_values_are(tmp_path):
    file = tmp_path / "edges.tsv"
    file.write_text("source\ttarget\nNA\tnan\n")
    resources = load_resources({"gene_graph:x": file})
    write_resources(tmp_path, resources)
    for found in (resources, read_resources(tmp_path)):
        assert found.gene_graphs["x"].to_dict("records") == [{"source": "NA", "target": "nan", "weight": 1.0}]


@pytest.mark.parametrize("name", ["edges.csv.gz", "edges.parquet", "vectors.npz", "vectors.safetensors"])
def test_half_a_file_is_an_error_that_names_it(tmp_path, name):
    file = tmp_path / name
    frame = pd.DataFrame({"source": [f"G{i}" for i in range(999)], "target": "A"})
    if name.startswith("vectors"):
        _write(VECTORS, file)
    elif name.endswith(".gz"):
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match=name):
        (read_vectors if name.startswith("vectors") else read_edges)(file)


def test_pickles_are_refused(tmp_path):
    file = tmp_path / "genept.pickle"
    file.write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match="pickles are not read"):
        read_vectors(file)


def test_an_object_array_in_an_npz_is_not_unpickled(tmp_path):
    file = tmp_path / "vectors.npz"
    np.savez(file, names=np.array(["A"]), vectors=np.array([{"x": 1}], dtype=object))
    with pytest.raises(DataError, match="npz of vectors"):
        read_vectors(file)


@pytest.mark.parametrize(
    ("read", "content", "message"),
    [
        (read_edges, "source,target\n", "holds no edges"),
        (read_edges, "source,target\nA,B\nA,\n", "edge 2 lacks the name of a gene"),
        (read_edges, "source,target,weight\nA,B,\n", "'weight': edge 1 has the weight nan"),
        (read_edges, "source,target,weight\nA,B,1\nA,C,inf\n", "edge 2 has the weight inf"),
        (read_edges, "source,target,weight\nA,B,-1\n", "strengths: finite, 0 or above"),
        (read_edges, "source,target,weight\nA,B,much\n", "'weight': an edge weight is not a number"),
        (read_edges, "source,target,weight\nA,B,1,9\n", "more values than the header"),
        (read_vectors, "gene,x\nA,1\nA,2\n", "'A' has two vectors"),
        (read_vectors, "gene,x\nA,\n", "'A' has missing or infinite values"),
        (read_vectors, "gene,x\nA,inf\n", "'A' has missing or infinite values"),
        (read_vectors, "gene,x\nA,b\n", "not a number"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, read, content, message):
    file = tmp_path / "file.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=message):
        read(file)


VECTORS = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}, index=["A", "B"], dtype="float32")


def _write(frame: pd.DataFrame, file: Path) -> None:
    match file.suffix:
        case ".csv":
            frame.to_csv(file)
        case ".parquet":
            frame.to_parquet(file)
        case ".npz":
            np.savez(file, names=frame.index.to_numpy(dtype=str), vectors=frame.to_numpy())
        case ".safetensors":
            save_file({name: row.to_numpy().copy() for name, row in frame.iterrows()}, file)
        case ".h5ad":
            anndata.AnnData(frame).write_h5ad(file)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz", ".safetensors", ".h5ad"])
def test_vectors_are_read_from_every_form(tmp_path, ending):
    file = tmp_path / f"vectors{ending}"
    _write(VECTORS, file)
    found = read_vectors(file).sort_index()
    assert found.index.tolist() == ["A", "B"]
    np.testing.assert_array_equal(found, VECTORS)


def test_a_parquet_table_without_named_rows_has_its_names_in_the_first_column(tmp_path):
    file = tmp_path / "vectors.parquet"
    VECTORS.reset_index(names="gene").to_parquet(file)
    np.testing.assert_array_equal(read_vectors(file), VECTORS)


def test_safetensors_of_unequal_lengths_are_refused(tmp_path):
    file = tmp_path / "vectors.safetensors"
    save_file({"A": np.ones(2), "B": np.ones(3)}, file)
    with pytest.raises(DataError, match=r"all of one length; found the shapes \(2,\), \(3,\)"):
        read_vectors(file)


def test_one_structure_spelled_in_two_ways_is_refused(tmp_path):
    file = tmp_path / "drugs.csv"
    file.write_text("smiles,x\nCCO,1\nOCC,2\n")
    with pytest.raises(DataError, match="'CCO' and 'OCC' are one structure"):
        load_resources({"drug_vectors": file})


def test_drug_vectors_are_indexed_by_canonical_smiles_and_survive_the_exchange(tmp_path):
    file = tmp_path / "drugs.csv"
    file.write_text("smiles,x,y\nC(C)O,1,2\n")
    graph = tmp_path / "graph.csv"
    graph.write_text("source,target\nA,B\n")
    resources = load_resources({"drug_vectors": file, "gene_graph:ppi": graph})
    assert list(resources.drug_vectors.index) == ["CCO"]
    assert resources.absent == ("gene_vectors", "checkpoints")
    write_resources(tmp_path, resources)
    again = read_resources(tmp_path)
    assert list(again.drug_vectors.index) == ["CCO"]
    np.testing.assert_array_equal(again.drug_vectors, resources.drug_vectors)
    pd.testing.assert_frame_equal(again.gene_graphs["ppi"], resources.gene_graphs["ppi"])
    assert again.gene_vectors is None
