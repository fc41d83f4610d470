"""The paper's tables and figures as one LaTeX document, with a label on every page where one is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reports.escape import escape_latex
from reports.latex import PACKAGES, latex_table
from reports.model import Report


@dataclass(frozen=True)
class PaperFigure:
    """One figure: its file, relative to the document, and what it shows."""

    file: str
    caption: str


@dataclass(frozen=True)
class PaperSection:
    """One part of the document.

    Parameters
    ----------
    title, text
        Heading, and a paragraph under it; text may be empty.
    fragments
        LaTeX to take over as it is, set before the reports: tables in the paper's own layout.
    reports
        Tables and comparisons.
    figures
        Figures, after the tables.
    absent
        Lines on what could not be made, and why.
    """

    title: str
    text: str = ""
    fragments: tuple[str, ...] = ()
    reports: tuple[Report, ...] = ()
    figures: tuple[PaperFigure, ...] = ()
    absent: tuple[str, ...] = field(default=())


def paper_document(title: str, label: str, sections: tuple[PaperSection, ...]) -> str:
    """The whole document.

    Parameters
    ----------
    title
        Its title.
    label
        What the head of every page says, such as which numbers are simulated; ``""`` for nothing.
    sections
        Its parts; each begins on a page of its own.
    """
    lines = [
        r"\documentclass[10pt]{article}",
        r"\PassOptionsToPackage{export}{adjustbox}",  # max width and max height of figures
        r"\usepackage[a4paper,margin=2cm,headheight=30pt]{geometry}",
        *(rf"\usepackage{{{package}}}" for package in (*PACKAGES, "fancyhdr", "float", "graphicx")),
        r"\pagestyle{fancy}",
        r"\fancyhf{}",
        rf"\fancyhead[L]{{\parbox{{\linewidth}}{{\footnotesize\bfseries {escape_latex(label)}}}}}",
        r"\fancyfoot[C]{\thepage}",
        r"\raggedbottom",
        r"\begin{document}",
        rf"{{\centering\Large\bfseries {escape_latex(title)}\par}}\medskip",
    ]
    for index, section in enumerate(sections):
        lines += [r"\clearpage"] if index else []
        lines += _section(section)
    return "\n".join([*lines, r"\end{document}", ""])


def _section(section: PaperSection) -> Iterator[str]:
    yield rf"\section*{{{escape_latex(section.title)}}}"
    if section.text:
        yield escape_latex(section.text) + r"\par"
    for line in section.absent:
        yield rf"{{\raggedright\noindent {escape_latex(line)}\par}}"
    yield from section.fragments
    for report in section.reports:
        yield latex_table(report, placement="H").rstrip("\n")
    for figure in section.figures:
        yield r"\begin{figure}[H]\centering"
        yield rf"\includegraphics[max width=\linewidth,max height=0.8\textheight]{{{figure.file}}}"
        yield rf"\caption{{{escape_latex(figure.caption)}}}"
        yield r"\end{figure}"
