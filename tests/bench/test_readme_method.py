"""The method that the README shows is a method."""

import re
from argparse import Namespace
from pathlib import Path

import pytest

from bench.commands import check
from bench.registry import load_file

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture
def shown_method(tmp_path):
    """The README's complete method, as a file of its own."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if "class " in block and "(Method)" in block]
    path = tmp_path / "my_method.py"
    path.write_text(block, encoding="utf-8")
    return path


def test_the_method_in_the_readme_passes_the_conformance_suite(shown_method, capsys):
    assert check.run(Namespace(method=str(shown_method))) == 0, capsys.readouterr().out


def test_the_method_in_the_readme_is_loaded_with_its_first_docstring_line(shown_method):
    (entry,) = load_file(shown_method)
    assert entry.summary
    assert entry.module == str(shown_method)


def test_the_method_in_the_readme_takes_at_most_40_lines(shown_method):
    assert len(shown_method.read_text(encoding="utf-8").splitlines()) <= 40
