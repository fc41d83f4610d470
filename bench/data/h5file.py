"""Opening HDF5 files that may be anything: damaged, of another format, of another program."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.errors import DataError

if TYPE_CHECKING:
    import h5py

_ELSEWHERE = "its values lie in {}, which is not followed; write one file that holds everything"


@contextmanager
def open_h5ad(path: Path) -> Iterator[h5py.File]:
    """Open an h5ad file for reading.

    Raises
    ------
    DataError
        If it is absent, a folder, truncated, not HDF5, lacks ``X``, ``obs`` or ``var``, points to other files, or
        fails while it is read.
    """
    import h5py

    if not path.is_file():
        raise DataError(f"{path}: there is no such file; check the path")
    try:
        with h5py.File(path, "r") as file:
            for part in ("X", "obs", "var"):
                if part not in file:
                    there = ", ".join(file) or "nothing"
                    raise DataError(
                        f"{path}, {part}: absent (the file holds {there}), so this is not an h5ad file; "
                        "write one with `adata.write_h5ad`"
                    )
            _check_self_contained(file, path)
            yield file
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{path}: cannot be read as HDF5 ({_first_line(error)}); it is truncated or not an h5ad file. "
            "Get or write it again"
        ) from error


def _check_self_contained(file: h5py.File, path: Path) -> None:
    """Refuse a file whose content lies in other files: whoever made it would choose what is read from this disk."""
    import h5py

    seen: set[int] = set()
    pending: list[h5py.Group] = [file]
    while pending:
        group = pending.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise DataError(f"{path}, {group.name.rstrip('/')}/{name}: {_ELSEWHERE.format(link.filename)}")
            if not isinstance(link, h5py.HardLink):
                continue
            node = group[name]
            if isinstance(node, h5py.Dataset) and (node.external or node.is_virtual):
                raise DataError(f"{path}, {node.name}: {_ELSEWHERE.format('another file')}")
            address = h5py.h5o.get_info(node.id).addr
            if isinstance(node, h5py.Group) and address not in seen:
                seen.add(address)
                pending.append(node)


def read_frame(file: h5py.File, part: str, path: Path) -> pd.DataFrame:
    """Read ``obs`` or ``var``.

    Raises
    ------
    DataError
        If it is not stored as a data frame.
    """
    import h5py
    from anndata.io import read_elem

    node = file[part]
    if isinstance(node, h5py.Dataset):
        raise DataError(
            f"{path}, {part}: written by anndata < 0.7; open it with that version and save it with a newer one"
        )
    with warnings.catch_warnings():
        # Old files lack a mark on each column; what is read is checked all the same.
        warnings.filterwarnings("ignore", message=".*written without encoding metadata")
        frame = read_elem(node)
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{path}, {part}: stored as {type(frame).__name__}, must be a data frame; write it with anndata"
        )
    return frame


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
