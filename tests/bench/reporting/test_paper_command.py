"""``bench paper`` from one command to a typeset document, on the tiny stand-ins."""

import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from bench.cli import main
from bench.errors import DatasetMissing
from bench.paper.make import label_of
from bench.paper.plan import PAPER_TASKS, PROTOCOLS, OpenedTask, open_paper_tasks
from bench.paper.typeset import TypesettingError, typeset

PDFLATEX = shutil.which("pdflatex")
needs_latex = pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex on this machine")
TASKS = [paper.stand_ins["tiny"] for paper in PAPER_TASKS]
MADE = TASKS[2:]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder of the paper's second table, made of two methods and one seed."""
    folder = tmp_path_factory.mktemp("paper")
    methods = ["--method", "control", "--method", "random-cells"]
    options = ["--table", "2", "--stand-in", "tiny", "--seeds", "1", "--device", "cpu", "--results", str(folder)]
    assert main(["paper", *options, *methods]) == 0
    return folder / "paper"


def test_every_task_asked_for_has_its_table_under_every_protocol(made):
    names = {file.name for file in (made / "tables").iterdir()}
    assert {
        f"{task}.{protocol}.{form}" for task in MADE for protocol in PROTOCOLS for form in ("tex", "md", "csv")
    } <= names


def test_every_figure_that_these_runs_can_have_is_there_and_the_others_are_named(made):
    stems = {file.name.removesuffix(".pdf") for file in (made / "figures").glob("*.pdf")}
    assert {"fig2_intra_distance", "fig8_signal_to_noise", "score_by_cost"} <= stems
    assert {f"fig4_bimodal_genes.{task}" for task in MADE} <= stems
    text = (made / "paper.tex").read_text()
    assert "fig6\\_ablations." in text
    for stem in stems:
        assert f"{{figures/{stem}.pdf}}" in text


def test_the_report_of_the_paper_has_its_tasks(made):
    page = (made / "report.html").read_text()
    assert all(f'"name":"{task}"' in page for task in MADE)


@needs_latex
def test_no_table_or_figure_is_lost_and_every_page_says_that_the_data_are_simulated(made, tmp_path):
    assert (made / "paper.pdf").read_bytes().startswith(b"%PDF")
    source = (made / "paper.tex").read_text()
    (tmp_path / "plain.tex").write_text("\\pdfcompresslevel=0\\pdfobjcompresslevel=0\n" + source)
    shutil.copytree(made / "figures", tmp_path / "figures")
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "plain.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=True)
    assert not re.search(r"Overfull \\hbox|LaTeX Error|undefined", done.stdout)
    set_labels = set(re.findall(r"newlabel\{(tab:[^}]*)\}", (tmp_path / "plain.aux").read_text()))
    asked = re.findall(r"\\label\{(tab:[^}]*)\}", source)
    assert len(asked) >= len(MADE) * len(PROTOCOLS)
    assert set_labels == set(asked)
    pdf = (tmp_path / "plain.pdf").read_bytes()
    pages = len(re.findall(rb"/Type /Page\b(?!s)", pdf))
    assert pages >= 6
    # Words are cut where letters are kerned; the figures' own streams are compressed.
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, flags=re.DOTALL)
    assert len([stream for stream in streams if b"SIMULA" in stream]) == pages


def opened(paper, name, *, simulated):
    return OpenedTask(paper, SimpleNamespace(name=name, dataset=SimpleNamespace(simulated=simulated)))


def test_real_data_are_used_where_they_are_and_only_stand_ins_are_labelled(monkeypatch):
    def open_task(name):
        if name == "norman_double" or name in TASKS:
            return SimpleNamespace(name=name, dataset=SimpleNamespace(simulated=name in TASKS))
        raise DatasetMissing("not here")

    monkeypatch.setattr("bench.tasks.open_task", open_task)
    found = open_paper_tasks("tiny", ("1", "2"))
    assert [one.task.name for one in found] == [TASKS[0], TASKS[1], "norman_double", TASKS[3]]
    label = label_of(found)
    assert "SIMULATED" in label
    assert "norman_double" not in label
    assert TASKS[0] in label


def test_nothing_is_labelled_where_all_data_are_real():
    assert label_of([opened(paper, paper.task, simulated=False) for paper in PAPER_TASKS]) == ""


@needs_latex
def test_what_latex_complains_of_is_told(tmp_path):
    (tmp_path / "broken.tex").write_text("\\documentclass{article}\\begin{document}\\nonsense\\end{document}")
    with pytest.raises(TypesettingError, match="Undefined control sequence"):
        typeset(tmp_path / "broken.tex")
    assert [file.name for file in tmp_path.iterdir()] == ["broken.tex"]


def test_without_latex_there_is_no_document_and_no_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert typeset(tmp_path / "any.tex") is None
