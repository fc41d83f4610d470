"""Tables, figures, HTML report and document of the paper, from runs that are there."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.atomic import write_text
from bench.evaluator import Evaluator
from bench.figures.catalog import FIGURES
from bench.figures.make import FigureOutcome, make_figures
from bench.leaderboard import Leaderboard
from bench.output import TaskReports
from bench.paper.plan import PROTOCOLS, OpenedTask
from bench.paper.typeset import typeset
from bench.protocols import get_protocol
from bench.published import side_by_side
from bench.report.build import build_report
from bench.store import RunRecord
from reports.html.page import html_report
from reports.model import Report
from reports.paper import PaperFigure, PaperSection, paper_document
from reports.published import published_table
from reports.tidy import to_csv

TITLE = "Tables and figures of the Doloris paper, computed anew"
_FIGURE_PROTOCOLS = ("paper", "calibrated")


@dataclass(frozen=True)
class PaperFiles:
    """What was written.

    Parameters
    ----------
    files
        Everything but the document.
    source, document
        The LaTeX file, and its PDF where LaTeX is installed.
    absent
        Figures that could not be made, and why.
    """

    files: tuple[Path, ...]
    source: Path
    document: Path | None
    absent: tuple[str, ...]


@dataclass(frozen=True)
class PaperRuns:
    """A task of the paper with its runs.

    Parameters
    ----------
    opened
        The task.
    evaluator
        Scores them.
    records
        The compared methods.
    variants
        Ablations and numbers of function evaluations; shown in the figures, not in the tables.
    """

    opened: OpenedTask
    evaluator: Evaluator
    records: tuple[RunRecord, ...]
    variants: tuple[RunRecord, ...]


def make_paper(runs: Sequence[PaperRuns], folder: Path) -> PaperFiles:
    """Write tables, figures, report and document into a folder."""
    outcomes = _figures(runs, folder / "figures")
    sections, files = [], []
    for one in runs:
        tables, measured, written = _tables(one, folder / "tables")
        files += written
        sections.append(
            PaperSection(
                title=f"The paper's Table {one.opened.paper.table}: {one.opened.paper.title}",
                text=_introduction(one.opened),
                fragments=(published_table(side_by_side(measured), placement="H"),),
                reports=tables,
                figures=_shown(outcomes, one.opened.task.name, folder),
            )
        )
    absent = tuple(f"Figure {outcome.name}: not made, {outcome.reason}." for outcome in outcomes if not outcome.files)
    sections.append(PaperSection("All tasks", figures=_shown(outcomes, "", folder), absent=absent))
    source = folder / "paper.tex"
    write_text(source, paper_document(TITLE, label_of([one.opened for one in runs]), tuple(sections)))
    report = folder / "report.html"
    shown = [(one.evaluator, one.records) for one in runs]
    write_text(report, html_report(build_report(shown, [get_protocol(name) for name in PROTOCOLS], TITLE)))
    drawn = [path for outcome in outcomes for path in outcome.files]
    return PaperFiles((*files, *drawn, report), source, typeset(source), absent)


def label_of(opened: Sequence[OpenedTask]) -> str:
    """What every page says of the data; ``""`` if all are real."""
    simulated = [one.task.name for one in opened if one.stands_in]
    if not simulated:
        return ""
    return (
        f"SIMULATED, no real screen: {', '.join(simulated)}. Numbers on these tasks are comparable with no published "
        "table."
    )


def _introduction(opened: OpenedTask) -> str:
    task, parts = opened.task, opened.task.split.conditions
    instead = (
        f"The data of {opened.paper.task} are not here: {task.name} stands in for them. " if opened.stands_in else ""
    )
    return (
        f"{instead}{len(task.dataset.obs):,} cells, {len(task.dataset.genes):,} genes, {len(parts.train)} training, "
        f"{len(parts.validation)} validation and {len(parts.test)} test conditions. The same stored predictions are "
        "scored under three protocols: what differs between the tables is the choice of protocol alone."
    )


def _tables(one: PaperRuns, folder: Path) -> tuple[tuple[Report, ...], pd.DataFrame, list[Path]]:
    """What is set, every number under every protocol, and the files."""
    shown: list[Report] = []
    measured: list[pd.DataFrame] = []
    written: list[Path] = []
    for name in PROTOCOLS:
        board = Leaderboard(one.evaluator, get_protocol(name), one.records)
        reports = TaskReports.of(board, spread="conditions", reference=None)
        written += reports.write(folder)
        measured.append(pd.read_csv(io.StringIO(to_csv(reports.every_metric)), keep_default_na=False, na_values=[""]))
        shown.append(reports.table)
        if name == "calibrated" and reports.comparison is not None:
            shown.append(reports.comparison)
    return tuple(shown), pd.concat(measured, ignore_index=True), written


def _figures(runs: Sequence[PaperRuns], folder: Path) -> list[FigureOutcome]:
    """The paper's figures under its own protocol, the others under the calibrated one."""
    outcomes: list[FigureOutcome] = []
    for name in _FIGURE_PROTOCOLS:
        specs = [spec for spec in FIGURES if bool(spec.paper) == (name == "paper")]
        boards = [
            Leaderboard(one.evaluator, get_protocol(name), (*one.records, *(one.variants if name == "paper" else ())))
            for one in runs
        ]
        outcomes += make_figures(specs, boards, folder)
    return outcomes


def _shown(outcomes: Sequence[FigureOutcome], task: str, folder: Path) -> tuple[PaperFigure, ...]:
    figures = []
    for outcome in outcomes:
        if outcome.task == task and outcome.files:
            number = f"The paper's Fig. {outcome.spec.paper}. " if outcome.spec.paper else ""
            figures.append(PaperFigure(str(outcome.files[0].relative_to(folder)), f"{number}{outcome.spec.title}"))
    return tuple(figures)


def records_by_task(records: Sequence[RunRecord]) -> Mapping[str, tuple[RunRecord, ...]]:
    """Runs with a result, by task."""
    found: dict[str, list[RunRecord]] = {}
    for record in records:
        if record.done:
            found.setdefault(record.task, []).append(record)
    return {task: tuple(of_task) for task, of_task in found.items()}
