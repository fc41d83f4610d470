"""LaTeX: escaping that loses nothing, and a document that a real LaTeX sets without complaint."""

import re
import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_examples import AWKWARD, paper_comparison, paper_table

from reports.escape import _ASCII, _SYMBOLS, escape_latex
from reports.latex import latex_document, latex_table

PDFLATEX = shutil.which("pdflatex")
needs_latex = pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex on this machine")

KNOWN = [*map(chr, range(33, 127)), *_SYMBOLS, *"éèüçñåőžāï"]
TOKENS = sorted(((escape_latex(character), character) for character in KNOWN), key=lambda pair: -len(pair[0]))


def unescape(text):
    """Reads escaped text back, token by token."""
    found = []
    while text:
        if text.startswith("{}") and found:  # keeps two signs from joining; prints nothing
            text = text[2:]
        elif code := re.match(r"\[U\+([0-9A-F]{4,6})\]", text):
            found.append(chr(int(code[1], 16)))
            text = text[code.end() :]
        else:
            token, character = next(
                ((token, character) for token, character in TOKENS if text.startswith(token)), (" ", " ")
            )
            assert text.startswith(token), text
            found.append(character)
            text = text[len(token) :]
    return "".join(found)


@given(st.lists(st.sampled_from([*KNOWN, " ", "-", "-", "'", "'", "丁"]), max_size=30).map("".join))
def test_escaped_text_reads_back_as_it_was(text):
    assert unescape(escape_latex(text)) == " ".join(text.split())


@given(st.text())
def test_escaped_text_is_ascii_whatever_comes_in(text):
    escaped = escape_latex(text)
    assert escaped.isascii()
    assert all(character.isprintable() for character in escaped)


@given(st.text(alphabet="&%$#_{}~^\\", max_size=20))
def test_no_special_character_is_left_bare(text):
    assert not re.search(r"(?<!\\)[&%$#_~^]", escape_latex(text))


def test_no_two_characters_are_written_the_same_way():
    assert len({token for token, _ in TOKENS}) == len(KNOWN)


def test_dashes_and_quotes_are_not_joined():
    assert escape_latex("a--b---c''d,,e") == "a-{}-b-{}-{}-c'{}'d,{},e"


def test_an_unknown_character_is_named_not_dropped():
    assert escape_latex("丁") == "[U+4E01]"


def test_rules_span_their_groups():
    text = latex_table(paper_table())
    assert r"\cmidrule(lr){2-4} \cmidrule(lr){5-7} \cmidrule(lr){8-10}" in text
    assert r"\multicolumn{3}{c}{DE20}" in text


def test_the_meaning_of_the_spread_is_in_the_caption():
    caption = next(line for line in latex_table(paper_table()).splitlines() if line.startswith(r"\caption"))
    assert r"$\pm$ standard deviation over conditions of the mean over seeds" in caption
    caption = next(line for line in latex_table(paper_table(spread="seeds")).splitlines() if "caption" in line)
    assert r"$\pm$ standard deviation over seeds of the mean over conditions" in caption


def test_a_long_comparison_is_cut_into_pages_between_metrics():
    text = latex_table(paper_comparison(12))
    assert text.count(r"\begin{table*}") == 3
    assert text.count(r"\label{") == 1
    assert text.count(r"(continued)") == 2
    assert text.count("RMSE") == 12


def compile_pdf(text, folder):
    (folder / "report.tex").write_text(text, encoding="utf-8")
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    log = (folder / "report.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-2000:]
    complaints = re.findall(r"(?:Overfull|Underfull|Missing character|Float too large|^!).*", log, flags=re.MULTILINE)
    return folder / "report.pdf", complaints


@needs_latex
@pytest.mark.parametrize(
    "report", [paper_table(), paper_table(spread="seeds"), paper_comparison(), paper_comparison(12)]
)
def test_a_report_compiles_without_a_complaint(report, tmp_path):
    pdf, complaints = compile_pdf(latex_document(report), tmp_path)
    assert complaints == []
    assert pdf.stat().st_size > 10_000


@needs_latex
def test_the_fragment_compiles_in_two_columns_with_another_font(tmp_path):
    packages = r"\usepackage{array,booktabs,adjustbox,xcolor,mathptmx}"
    text = latex_table(paper_table())
    document = rf"\documentclass[twocolumn]{{article}}{packages}\begin{{document}}{'{}'}" + "\n" + text
    _, complaints = compile_pdf(document + r"\end{document}", tmp_path)
    assert complaints == []


@needs_latex
def test_every_character_with_a_translation_compiles(tmp_path):
    body = "\n\n".join(escape_latex(character) + "x" for character in [*_ASCII, *_SYMBOLS, *KNOWN, AWKWARD])
    _, complaints = compile_pdf(rf"\documentclass{{article}}\begin{{document}}{body}\end{{document}}", tmp_path)
    assert complaints == []


@needs_latex
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext on this machine")
def test_the_printed_page_shows_numbers_and_names_as_they_are(tmp_path):
    pdf, _ = compile_pdf(latex_document(paper_table()), tmp_path)
    subprocess.run(["pdftotext", "-layout", pdf.name, "page.txt"], cwd=tmp_path, check=True, timeout=60)
    page = unicodedata.normalize("NFKC", (tmp_path / "page.txt").read_text(encoding="utf-8"))
    for text in ("gpt & co (100 %", "[U+4E01]", "0.0336", "calibrated@1", "technical duplicate", "not supported"):
        assert text in page
