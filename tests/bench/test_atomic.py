from __future__ import annotations

import os

import pytest

from bench.atomic import atomic_dir, atomic_file, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "table.csv"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_file(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "run"
    for content in ("first", "second"):
        with atomic_dir(target) as folder:
            (folder / "run.json").write_text(content)
            assert content == "second" or not target.exists()
    assert (target / "run.json").read_text() == "second"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_folder_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="disk full"), atomic_dir(tmp_path / "run") as folder:
        (folder / "run.json").write_text("half")
        raise OSError("disk full")
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_can_be_read_by_whom_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        write_text(tmp_path / "table.csv", "text")
        with atomic_dir(tmp_path / "run"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "table.csv").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755
