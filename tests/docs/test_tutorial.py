"""The tutorial, executed: every command, every block of Python, and what it says they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import anndata
import pytest

from bench.cli import main
from bench.store import Store

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def words(text):
    """What a line says, without its numbers and the rules of tables."""
    return re.sub(r"[\d.,\s|━─±−*+†()]+", " ", text).strip()


def run_blocks(folder, capsys):
    """Execute every block in order; what each ``output`` block promises must have been printed before it."""
    namespace: dict[str, object] = {}
    said = ""
    for kind, options, content in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        if kind == "python" and (named := re.search(r"file=(\S+)", options)):
            (folder / named[1]).write_text(content, encoding="utf-8")
        elif kind == "python":
            exec(compile(content, str(TUTORIAL), "exec"), namespace)
        elif kind == "sh":
            said = ""
            for line in content.splitlines():
                python, dash, module, *arguments = shlex.split(line)
                assert [python, dash, module] == ["python", "-m", "bench"], line
                code = main(arguments)
                out, err = capsys.readouterr()
                said += out + err
                assert code == 0, f"{line}\n{out}{err}"
        else:
            assert kind == "output", f"a block of kind {kind!r} is not executed"
            for line in filter(None, content.splitlines()):
                assert words(line) in words(said.replace("\n", " ")), f"{line!r} was not printed:\n{said}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tutorial")


def test_the_tutorial_does_what_it_says(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    run_blocks(folder, capsys)
    store = Store(folder / "results")
    finished = {record.method for record in store.records() if record.status == "finished"}
    assert {"larger-single", "half-and-half", "additive", "control"} <= finished
    assert anndata.read_h5ad("predictions.h5ad").n_obs >= 100
    assert (folder / "report.html").stat().st_size > 50_000
    assert {file.suffix for file in (folder / "results" / "figures").iterdir()} == {".pdf", ".png", ".csv"}
