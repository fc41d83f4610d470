from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

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
    ("content", "message"),
    [
        ("gene,x\nA,1\nA,2\n", "'A' has two vectors"),
        ("gene,x\nA,\n", "missing values"),
        ("gene,x\nA,b\n", "not a number"),
    ],
)
def test_a_bad_vector_is_named(tmp_path, content, message):
    file = tmp_path / "vectors.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=message):
        read_vectors(file)


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
