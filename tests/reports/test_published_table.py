"""The paper's layout: each number of ours under the published one of the same method, metric and genes."""

import re
import shutil
import subprocess

import pandas as pd
import pytest

from reports.latex import PACKAGES
from reports.published import published_table

PDFLATEX = shutil.which("pdflatex")
COLUMNS = ["task", "stands_for", "simulated", "method", "label", "protocol", "metric", "genes", "mean", "spread"]
N_CONDITIONS = 15


def frame(*, simulated=False, task="norman_double"):
    rows = []
    for metric, genes, size in (("rmse", "all", 0.01), ("rmse", "de20", 0.1), ("emd", "all", 0.02)):
        for place, method in enumerate(("Doloris", "linear")):
            rows.append(
                (task, "norman_double", False, method, "", "published", metric, genes, size * (1 + place), size / 4)
            )
        for protocol, factor in (("paper@1", 3), ("calibrated@1", 5)):
            for method, label in (("Doloris", "doloris+trrust"), ("linear", "linear"), ("a_b & c", "a_b & c")):
                value = size * factor * (7 if label == "linear" else 1)
                rows.append((task, "norman_double", simulated, method, label, protocol, metric, genes, value, size))
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(n_conditions=table["protocol"].map(lambda name: pd.NA if name == "published" else N_CONDITIONS))


def lines_of(latex):
    """Body lines as lists of plain cells."""
    body = latex.partition(r"\toprule")[2].partition(r"\bottomrule")[0]
    lines = [line.removesuffix(r"\\").strip() for line in body.splitlines() if line.endswith(r"\\")]
    return [
        [re.sub(r"[{}]|\\scriptsize|\$\\pm\$", "", cell).strip() for cell in re.split(r"(?<!\\)&", line)]
        for line in lines
    ]


def test_every_number_stands_in_the_row_of_its_protocol_and_the_column_of_its_method():
    header, *lines = lines_of(published_table(frame()))
    assert header == ["metric", "protocol", "Doloris (doloris+trrust)", "linear", r"a\_b \& c"]
    assert [line[:2] for line in lines[:3]] == [["RMSE All", "published"], ["", "paper@1"], ["", "calibrated@1"]]
    assert lines[0][2:] == ["0.0100 0.0025", "0.0200 0.0025", r"\textendash"]
    assert lines[1][2:4] == ["0.0300 0.0100", "0.2100 0.0100"]
    assert lines[2][2].startswith("0.0500")
    assert [line[0] for line in lines if line[0]] == ["RMSE All", "RMSE DE20", "EMD All"]


def test_a_second_variant_of_a_published_method_has_a_column_without_a_published_number():
    more = frame()
    variant = more[more["label"] == "linear"].assign(label="linear-other")
    header, first, *_ = lines_of(published_table(pd.concat([more, variant], ignore_index=True)))
    place = header.index("linear-other")
    assert header[place - 1] == "linear"
    assert first[place] == r"\textendash"


def test_a_stand_in_says_that_its_numbers_are_not_to_be_compared():
    assert "SIMULATED cells. They stand in for norman\\_double" in published_table(
        frame(simulated=True, task="norman_sim")
    )
    assert "SIMULATED" not in published_table(frame())


def test_a_task_without_published_numbers_says_so():
    ours = frame()
    latex = published_table(ours[ours["protocol"] != "published"])
    assert "No published numbers" in latex
    assert "published" not in [line[1] for line in lines_of(latex)]


@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex on this machine")
def test_it_compiles(tmp_path):
    packages = "".join(rf"\usepackage{{{name}}}" for name in (*PACKAGES, "float"))
    text = published_table(frame(simulated=True), placement="H")
    (tmp_path / "t.tex").write_text(rf"\documentclass{{article}}{packages}\begin{{document}}{text}\end{{document}}")
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "tab:published-norman-double" in (tmp_path / "t.aux").read_text()


def test_a_method_scored_on_fewer_conditions_is_named_in_the_caption():
    few = frame()
    few.loc[few["label"] == "linear", "n_conditions"] = 5
    caption = published_table(few).partition(r"\caption")[2].partition(r"\label")[0]
    assert "linear (5 of 15)" in caption
    assert "fewer conditions" not in published_table(frame())


def test_a_missing_number_is_a_dash():
    absent = frame()
    absent.loc[absent["label"] == "linear", ["mean", "spread"]] = float("nan")
    absent.loc[absent["label"] == "linear", "n_conditions"] = 0
    latex = published_table(absent)
    assert "NaN" not in latex
    assert lines_of(latex)[2][3] == r"\textendash"
    assert "fewer conditions" not in latex
