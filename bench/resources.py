"""Prior knowledge that the user names on the command line: gene graphs, gene and drug vectors, pretrained models.

Files are named ``gene_graph:NAME``, ``gene_vectors``, ``drug_vectors`` and ``checkpoint:NAME`` (a folder).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bench.data.h5file import open_h5ad
from bench.errors import DataError
from bench.hashing import hash_file, hash_json
from methods.base import Resources

GRAPH = "gene_graph:"
CHECKPOINT = "checkpoint:"
VECTORS = ("gene_vectors", "drug_vectors")
TABLE_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
VECTOR_ENDINGS = (*TABLE_ENDINGS, ".npz", ".safetensors", ".h5ad")
_UNREADABLE = (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile)
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
        structures = pd.Index([_canonical_smiles(smiles, path) for smiles in frame.index])
        if not structures.is_unique:
            one, other = frame.index[structures == structures[structures.duplicated()][0]][:2]
            raise DataError(f"{path}: {one!r} and {other!r} are one structure with two vectors; keep one")
        frame.index = structures
    return Resources(
        gene_graphs={name: read_edges(path) for name, path in graphs.items()},
        checkpoints=checkpoints,
        **vectors,
    )


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

    Raises
    ------
    DataError
        If the file cannot be read, has no edges, or an edge lacks a gene or has a weight that is not finite or below 0.
    """
    frame = _read_frame(path, TABLE_ENDINGS, "an edge list")
    names = {str(column).lower(): column for column in frame.columns}
    source = next((names[name] for name in _SOURCE_NAMES if name in names), None)
    target = next((names[name] for name in _TARGET_NAMES if name in names), None)
    if source is None or target is None:
        if ".tsv" not in "".join(path.suffixes) or frame.shape[1] < 2:
            raise DataError(
                f"{path}: an edge list needs the columns 'source' and 'target'; "
                f"found {', '.join(map(str, frame.columns))}"
            )
        frame = _read_text(path, "\t", header=None)
        source, target, weight = frame.columns[0], frame.columns[1], None
    else:
        weight = next((names[name] for name in _WEIGHT_NAMES if name in names), None)
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(f"{path}: rows have more values than the header has columns")
    if frame.empty:
        raise DataError(f"{path}: holds no edges")
    edges = frame[[source, target]].set_axis(["source", "target"], axis=1)
    unnamed = edges.isna().any(axis=1)
    if unnamed.any():
        raise DataError(f"{path}: edge {_ordinal(unnamed)} lacks the name of a gene")
    edges = edges.astype(str)
    try:
        edges["weight"] = 1.0 if weight is None else frame[weight].astype(float)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}, column {weight!r}: an edge weight is not a number ({error})") from error
    wrong = ~(np.isfinite(edges["weight"]) & (edges["weight"] >= 0))
    if wrong.any():
        found = edges["weight"][wrong].iloc[0]
        raise DataError(
            f"{path}, column {weight!r}: edge {_ordinal(wrong)} has the weight {found}; weights are strengths: finite, "
            "0 or above"
        )
    return edges


def _ordinal(flags: pd.Series) -> int:
    """Number of the first row that is flagged, counted from 1."""
    return int(np.argmax(flags.to_numpy())) + 1


def read_vectors(path: Path) -> pd.DataFrame:
    """Read named vectors: one row per name, float32.

    A table's first column is the name (in Parquet the index, where it holds names); an npz has the arrays ``names``
    and ``vectors``, a safetensors file one tensor per name, an h5ad file one cell per name.

    Raises
    ------
    DataError
        If the file cannot be read, names something twice, or a vector holds something that is not a finite number.
    """
    if path.suffix == ".npz":
        frame = _read_npz(path)
    elif path.suffix == ".safetensors":
        frame = _read_safetensors(path)
    elif path.suffix == ".h5ad":
        import anndata

        with open_h5ad(path):
            frame = anndata.read_h5ad(path).to_df()
    else:
        frame = _read_frame(path, VECTOR_ENDINGS, "named vectors")
        if isinstance(frame.index, pd.RangeIndex):
            frame = frame.set_index(frame.columns[0])
        if frame.index.hasnans:
            raise DataError(f"{path}: a vector has no name")
    try:
        numbers = frame.astype("float32")
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: a vector holds something that is not a number ({error})") from error
    numbers.index = numbers.index.astype(str)
    finite = np.isfinite(numbers.to_numpy()).all(axis=1)
    if not finite.all():
        raise DataError(f"{path}: the vector of {numbers.index[~finite][0]!r} has missing or infinite values")
    if not numbers.index.is_unique:
        raise DataError(f"{path}: {numbers.index[numbers.index.duplicated()][0]!r} has two vectors; keep one")
    return numbers


def _read_npz(path: Path) -> pd.DataFrame:
    _require(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            return pd.DataFrame(content["vectors"], index=content["names"].astype(str))
    except (KeyError, *_UNREADABLE) as error:
        raise DataError(f"{path}: an npz of vectors needs the arrays 'names' (text) and 'vectors' ({error})") from error


def _read_safetensors(path: Path) -> pd.DataFrame:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    _require(path)
    try:
        vectors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    shapes = {vector.shape for vector in vectors.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        found = ", ".join(map(str, sorted(shapes))) or "no tensors"
        raise DataError(f"{path}: needs one vector per name, all of one length; found the shapes {found}")
    return pd.DataFrame.from_dict(vectors, orient="index")


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
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    return _read_text(path, "\t" if ".tsv" in ending else ",")


def _read_text(path: Path, separator: str, *, header: Literal["infer"] | None = "infer") -> pd.DataFrame:
    try:
        # NA and NAN can be names
        return pd.read_csv(path, sep=separator, header=header, keep_default_na=False, na_values=[""])
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def _canonical_smiles(smiles: str, path: Path) -> str:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles.partition("|")[0].strip())
    if molecule is None:
        raise DataError(f"{path}: {smiles!r} is not a SMILES; the first column names the drug's structure")
    return str(Chem.MolToSmiles(molecule))
