"""Every format shows the table's own numbers, rounded, and nothing else."""

import csv
import io
import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from report_examples import AWKWARD, paper_comparison, paper_table, read, shown, tables

from reports.latex import latex_table
from reports.markdown import to_markdown
from reports.numbers import decimals_for, number, p_value
from reports.terminal import plain_text, print_report
from reports.tidy import to_csv


def latex_cells(text):
    body = text.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    for line in body.splitlines():
        if " & " not in line:
            continue
        clean = re.sub(r"\{\\scriptsize\\phantom\{[0.]*\}\}|\\h?phantom\{(?:[^{}]|\{[^{}]*\})*\}", "", line)
        clean = re.sub(r"\{\\boldmath(\$-\$)\}", r"\1", clean.removesuffix(r" \\"))
        clean = re.sub(r"\\(?:llap|textbf|underline|scriptsize)|[{}]", "", clean)
        clean = clean.replace("$-$", "−").replace(r"$\pm$", "±").replace(r"\textendash", "–")
        yield clean.split(" & ")[1:]


def markdown_cells(text):
    for line in text.splitlines():
        if line.startswith("| method "):
            yield [re.sub(r"\*\*|</?\w+>", "", part) for part in line.strip("| ").split(" | ")[1:]]


@given(tables())
@settings(max_examples=60, deadline=None)
def test_latex_shows_the_rounded_numbers_of_the_table(table):
    found = [[read(cell) for cell in line] for line in latex_cells(latex_table(table))]
    assert found == shown(table)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_markdown_shows_the_rounded_numbers_of_the_table(table):
    header, *body = markdown_cells(to_markdown(table))
    assert len(header) == len(table.columns)
    assert [[read(cell) for cell in line] for line in body] == shown(table)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_plain_text_shows_the_rounded_numbers_of_the_table(table):
    lines = [line for line in plain_text(table, 1_000).splitlines() if re.match("method [A-Z]", line)]
    found = [[read(cell) for cell in line.split()[2:]] for line in lines]
    assert found == shown(table)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_csv_keeps_every_number_in_full(table):
    lines = list(csv.DictReader(io.StringIO(to_csv(table))))
    cells = [cell for row in table.rows for cell in row.cells]
    for line, cell in zip(lines, cells, strict=True):
        wanted = math.nan if cell is None else cell.mean
        assert line["mean"] == ("" if math.isnan(wanted) else repr(wanted))
        if cell is not None and not math.isnan(cell.condition_spread):
            assert float(line["condition_sd"]) == cell.condition_spread


def test_csv_has_both_spreads_and_what_qualifies_a_number():
    lines = list(csv.DictReader(io.StringIO(to_csv(paper_table()))))
    assert len(lines) == 12 * 9
    first = next(line for line in lines if line["method"] == "doloris")
    assert (float(first["seed_sd"]), float(first["condition_sd"])) == (0.0336 / 50, 0.0336 / 10)
    assert (first["rank"], first["n_seeds"], first["n_conditions"], first["greyed"]) == ("best", "5", "131", "false")
    absent = next(line for line in lines if line["method"] == "cpa")
    assert absent["mean"] == ""
    assert absent["notes"].startswith("not supported")


def test_csv_of_a_comparison_has_one_line_per_method_and_metric():
    lines = list(csv.DictReader(io.StringIO(to_csv(paper_comparison()))))
    assert len(lines) == 3 * 9
    assert (lines[1]["reference"], lines[1]["difference"], lines[1]["p_adjusted"]) == ("linear", "-0.01", "0.001")
    assert lines[8]["difference"] == ""


def test_the_best_is_bold_and_the_second_underlined():
    latex, markdown, plain = latex_table(paper_table()), to_markdown(paper_table()), plain_text(paper_table())
    assert r"\textbf{0.0336}" in latex
    assert r"\underline{0.0370}" in latex
    assert r"\textbf{{\boldmath$-$}0.498}" in latex
    assert "**0.0336**" in markdown
    assert "<ins>0.0370</ins>" in markdown
    assert "*0.0336" in plain
    assert "†0.0370" in plain


def test_a_greyed_column_says_so_in_every_format():
    assert r">{\color{black!50}}c" in latex_table(paper_table())
    assert "<sub>0.079 ± 0.008</sub>" in to_markdown(paper_table())
    assert "(0.079±0.008)" in plain_text(paper_table())


@pytest.mark.parametrize("report", [paper_table(), paper_comparison()])
@pytest.mark.parametrize("write", [latex_table, to_markdown, plain_text])
def test_every_footnote_mark_has_its_footnote_and_the_other_way_round(report, write):
    text = write(report)
    for note in report.notes:
        words = note.text.split(":")[0].split("%")[0].replace("(NaN)", "").split()
        assert all(word in text for word in words)


@pytest.mark.parametrize("width", [60, 100, 160])
def test_no_line_of_a_table_is_wider_than_the_terminal(width):
    assert max(len(line) for line in plain_text(paper_table(), width).splitlines()) <= max(width, 90)


def test_a_narrow_terminal_gets_the_columns_in_blocks_of_whole_groups():
    lines = [line for line in plain_text(paper_table(), 120).splitlines() if line.startswith("method")]
    assert [line.split()[1:] for line in lines] == [
        ["RMSE", "↓", "E-distance", "↓", "EMD", "↓"],
        ["RMSE", "↓", "E-distance", "↓", "EMD", "↓ᵃ"],
        ["RMSE", "↓", "E-distance", "↓", "EMD", "↓"],
    ]


def test_a_terminal_gets_styles_and_a_pipe_gets_signs():
    from rich.console import Console

    styled, piped = io.StringIO(), io.StringIO()
    print_report(paper_table(), Console(file=styled, force_terminal=True, width=160, color_system="standard"))
    print_report(paper_table(), Console(file=piped))
    assert "\x1b[1m0.0336\x1b[0m" in styled.getvalue()
    assert "\x1b[4m0.0370\x1b[0m" in styled.getvalue()
    assert "\x1b" not in piped.getvalue()
    assert piped.getvalue() == plain_text(paper_table())


def test_provenance_is_in_every_format():
    hash_ = paper_table().source.hash
    assert f"% provenance: {hash_}" in latex_table(paper_table())
    assert hash_ in to_markdown(paper_table())
    assert hash_ in to_csv(paper_table())
    assert hash_[:12] in plain_text(paper_table())


def test_a_line_break_in_provenance_cannot_leave_its_comment():
    assert "% note: two lines -- here" in latex_table(paper_table()).splitlines()
    comment = to_markdown(paper_table()).split("<!--")[1]
    assert "--" not in comment.split("-->")[0]


def test_markdown_escapes_what_would_break_a_table():
    line = next(line for line in to_markdown(paper_table()).splitlines() if "sc\\_gpt" in line)
    assert r"\<a\|b\>" in line
    assert len(re.findall(r"(?<!\\)\|", line)) == 11


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(-0.0123, 3, "−0.012"), (-0.0004, 3, "0.000"), (math.nan, 2, "NaN"), (12.345, 0, "12"), (0.5, 2, "0.50")],
)
def test_a_number_is_written_with_a_real_minus_and_without_negative_zero(value, decimals, text):
    assert number(value, decimals) == text


@pytest.mark.parametrize(
    ("means", "spreads", "decimals"),
    [
        ([0.0336, 0.0505], [0.0103, 0.0257], 3),  # two digits of a spread of 0.01
        ([0.0336], [0.00002], 5),  # never more than four digits of the mean
        ([123.4, 150.0], [12.0], 0),
        ([0.0336], [math.nan], 4),  # three digits where no spread is known
        ([1.0, math.nan], [0.0], 2),
        ([math.nan], [math.nan], 2),
    ],
)
def test_decimals_follow_the_spread(means, spreads, decimals):
    assert decimals_for(means, spreads) == decimals


def test_small_p_values_are_bounded_not_zero():
    assert [p_value(p) for p in (1e-9, 0.0012, 0.25, math.nan)] == ["< 0.001", "0.001", "0.250", "NaN"]


def test_an_awkward_name_is_in_the_csv_as_it_is():
    assert AWKWARD in {line["method"] for line in csv.DictReader(io.StringIO(to_csv(paper_table())))}


@pytest.mark.parametrize("report", [paper_table(), paper_comparison()], ids=["table", "comparison"])
def test_every_format_says_that_data_are_simulated(report):
    simulated = replace(report, source=replace(report.source, simulated=True))
    for written in (latex_table, to_markdown, plain_text):
        assert "simulated data" in " ".join(written(simulated).split())
        assert "simulated data" not in written(report)
    for made, expected in ((simulated, "true"), (report, "false")):
        assert {line["simulated"] for line in csv.DictReader(io.StringIO(to_csv(made)))} == {expected}
