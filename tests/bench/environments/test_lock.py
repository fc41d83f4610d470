from __future__ import annotations

from pathlib import Path

import pytest

from bench.environments.lock import LockError, lock_names, read_lock

LOCK = """
python = "3.11"
imports = ["torch"]
packages = ["numpy==1.26.4", "torch==2.13.0"]
without_dependencies = ["cpa-tools==0.8.1"]
"""


@pytest.fixture
def write(tmp_path: Path):
    def file(text: str, name: str = "other") -> Path:
        (tmp_path / f"{name}.toml").write_text(text)
        return tmp_path

    return file


def test_every_checked_in_lock_can_be_read_and_pins_everything():
    assert "cpa" in lock_names()
    for name in lock_names():
        lock = read_lock(name)
        assert lock.imports
        assert all(lock.versions.values())


def test_a_lock_file_is_all_that_a_new_environment_needs(write):
    lock = read_lock("other", write(LOCK))
    assert (lock.name, lock.python) == ("other", "3.11")
    assert lock.versions == {"numpy": "1.26.4", "torch": "2.13.0", "cpa-tools": "0.8.1"}


def test_a_lock_may_stand_in_for_a_module_that_not_every_python_has(write):
    assert read_lock("other", write(LOCK + '[stand_ins]\ntkinter = "N = 1"\n')).stand_ins == {"tkinter": "N = 1"}
    assert "tkinter" in read_lock("cpa").stand_ins


def test_a_changed_lock_is_another_environment(write):
    before = read_lock("other", write(LOCK)).digest
    assert read_lock("other", write(LOCK.replace("1.26.4", "1.26.3"))).digest != before


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"numpy==1.26.4"', '"numpy>=1.26"', r"other\.toml, packages: 'numpy>=1.26' has no exact version"),
        ('"numpy==1.26.4"', '"numpy==1.26.4 --index-url https://x"', "has no exact version"),
        ('python = "3.11"', "python = 3.11", "python: 3.11 is not a version"),
        ('imports = ["torch"]', 'imports = "torch"', "imports: 'torch' is not a list"),
        ("imports", "import", "unknown field 'import'"),
        ("=", ":", "not TOML"),
        ('python = "3.11"', 'python = "3.11"\nstand_ins = ["tkinter"]', "stand_ins: .* is not a table of module names"),
        ('python = "3.11"', 'python = "3.11"\nstand_ins = {"../x" = ""}', "stand_ins: '../x' is not the name"),
    ],
)
def test_a_malformed_lock_is_told_by_file_and_field(write, before, after, message):
    with pytest.raises(LockError, match=message):
        read_lock("other", write(LOCK.replace(before, after)))


def test_an_unknown_environment_is_told_with_the_closest():
    with pytest.raises(LockError, match=r"no environment 'cpaa' \(closest: cpa\)"):
        read_lock("cpaa")
