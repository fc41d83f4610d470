"""Prior knowledge that the user names on the command line: gene graphs, gene and drug vectors, pretrained models.

Files are named ``gene_graph:NAME``, ``gene_vectors``, ``drug_vectors`` and ``checkpoint:NAME`` (a folder).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from bench.data.h5file import open_h5ad
from bench.errors import DataError
from bench.hashing import hash_file, hash_json
from methods.base import Resources

GRAPH = "gene_graph:"
CHECKPOINT = "checkpoint:"
VECTORS = ("gene_vectors", "drug_vectors")
GRAPH_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
VECTOR_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".npz", ".h5ad")
_SOURCE_NAMES = ("source", "tf", "gene1", "from")
_TARGET_NAMES = ("target", "gene2", "to")
_WEIGHT_NAMES = ("weight", "importance", "score", "n_resources", "resources")


def load_resources(files: Mapping[str, Path]) -> Resources:
    """Read the named files.

    Parameters
    ----------
    files
        Name, as the module's description lists them -> file or folder; absent ones left out.

    Raises
    ------
    DataError
        If a file is missing, of an unknown form, or lacks a column.
    """
    graphs, checkpoints = _named(files, GRAPH), _named(files, CHECKPOINT)
    vectors = {name: read_vectors(files[name]) for name in VECTORS if name in files}
    if "drug_vectors" in vectors:
        frame, path = vectors["drug_vectors"], files["drug_vectors"]
        frame.index = pd.Index([_canonical_smiles(smiles, path) for smiles in frame.index])
    return Resources(
        gene_graphs={name: read_edges(path) for name, path in graphs.items()},
        checkpoints=checkpoints,
        **vectors,
    )


def supplied_names(files: Mapping[str, Path]) -> frozenset[str]:
    """What a method's label is told of the files: see :meth:`methods.base.Method.label`."""
    return frozenset(files) | frozenset("gene_graphs" for name in files if name.startswith(GRAPH))


def _named(files: Mapping[str, Path], prefix: str) -> dict[str, Path]:
    return {name.removeprefix(prefix): path for name, path in files.items() if name.startswith(prefix)}


def resource_hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of each named file, or of all files of a named folder, for the run key."""
    return {name: _hash(path) for name, path in sorted(files.items())}


def _hash(path: Path) -> str:
    if not path.is_dir():
        return hash_file(path)
    return hash_json(
        {str(file.relative_to(path)): hash_file(file) for file in sorted(path.rglob("*")) if file.is_file()}
    )


def read_edges(path: Path) -> pd.DataFrame:
    """Read an edge list: columns ``source``, ``target`` and, optionally, ``weight`` (else 1).

    A TSV without a header is read as source, target (as TRRUST is distributed).
    """
    frame = _read_frame(path, GRAPH_ENDINGS, "an edge list")
    names = {str(column).lower(): column for column in frame.columns}
    source = next((names[name] for name in _SOURCE_NAMES if name in names), None)
    target = next((names[name] for name in _TARGET_NAMES if name in names), None)
    if source is None or target is None:
        if ".tsv" not in "".join(path.suffixes) or frame.shape[1] < 2:
            raise DataError(
                f"{path}: an edge list needs the columns 'source' and 'target'; "
                f"found {', '.join(map(str, frame.columns))}"
            )
        frame = pd.read_csv(path, sep="\t", header=None)
        source, target, weight = frame.columns[0], frame.columns[1], None
    else:
        weight = next((names[name] for name in _WEIGHT_NAMES if name in names), None)
    edges = pd.DataFrame({"source": frame[source].astype(str), "target": frame[target].astype(str)})
    try:
        edges["weight"] = 1.0 if weight is None else frame[weight].astype(float)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}, column {weight!r}: an edge weight is not a number ({error})") from error
    return edges


def read_vectors(path: Path) -> pd.DataFrame:
    """Read named vectors: first column (or index, or ``names``/``vectors`` of an npz, or an h5ad's obs) is the name."""
    if path.suffix == ".npz":
        import numpy as np

        _require(path)
        try:
            with np.load(path, allow_pickle=False) as content:
                frame = pd.DataFrame(content["vectors"], index=content["names"].astype(str))
        except (KeyError, ValueError, OSError) as error:
            raise DataError(
                f"{path}: an npz of vectors needs the arrays 'names' (text) and 'vectors' ({error})"
            ) from error
    elif path.suffix == ".h5ad":
        import anndata

        with open_h5ad(path):
            frame = anndata.read_h5ad(path).to_df()
    else:
        frame = _read_frame(path, VECTOR_ENDINGS, "named vectors")
        frame = frame.set_index(frame.columns[0])
    try:
        numbers = frame.astype("float32")
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: a vector holds something that is not a number ({error})") from error
    if numbers.isna().to_numpy().any():
        raise DataError(f"{path}: the vector of {numbers.index[numbers.isna().any(axis=1)][0]!r} has missing values")
    if not numbers.index.is_unique:
        raise DataError(f"{path}: {numbers.index[numbers.index.duplicated()][0]!r} has two vectors; keep one")
    numbers.index = numbers.index.astype(str)
    return numbers


def _require(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"{path}: no such file")


def _read_frame(path: Path, endings: tuple[str, ...], what: str) -> pd.DataFrame:
    _require(path)
    ending = "".join(suffix for suffix in path.suffixes[-2:] if suffix in {".csv", ".tsv", ".gz", ".parquet"})
    if ending not in endings:
        raise DataError(f"{path}: {what} is read from {', '.join(endings)}; pickles are not read, they can run code")
    try:
        if ending == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, sep="\t" if ".tsv" in ending else ",")
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def _canonical_smiles(smiles: str, path: Path) -> str:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles.partition("|")[0].strip())
    if molecule is None:
        raise DataError(f"{path}: {smiles!r} is not a SMILES; the first column names the drug's structure")
    return str(Chem.MolToSmiles(molecule))
