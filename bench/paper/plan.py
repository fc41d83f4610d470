"""What the paper reports: its tasks, and what stands in for one whose data are absent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import DatasetMissing

if TYPE_CHECKING:
    from bench.tasks import Task

SIZES = ("full", "small", "tiny")
"""Sizes of the simulated stand-ins; ``full`` has the shapes of the real data."""
PROTOCOLS = ("paper", "released", "calibrated")
"""The protocols every table is set under: what the choice alone does to the same predictions."""


@dataclass(frozen=True)
class PaperTask:
    """One half of one of the paper's two tables.

    Parameters
    ----------
    table
        Number of the table.
    title
        What it asks for.
    task
        The task on the real data.
    stand_ins
        Task on the simulation by size.
    ablated
        Whether methods that declare ablations and numbers of function evaluations are run with them on it.
    """

    table: str
    title: str
    task: str
    stand_ins: Mapping[str, str]
    ablated: bool = False


PAPER_TASKS = (
    PaperTask(
        "1",
        "Unseen genes (Adamson)",
        "adamson_single",
        {"full": "adamson_sim", "small": "sim_single", "tiny": "sim_single_tiny"},
        ablated=True,
    ),
    PaperTask(
        "1",
        "Unseen drug, dose and cell line together (sci-Plex3)",
        "sciplex3_covariate",
        {"full": "sciplex3_sim", "small": "sim_covariate", "tiny": "sim_covariate_tiny"},
    ),
    PaperTask(
        "2",
        "Double genes (Norman)",
        "norman_double",
        {"full": "norman_sim", "small": "sim_double", "tiny": "sim_double_tiny"},
    ),
    PaperTask(
        "2",
        "Unseen drugs (sci-Plex3)",
        "sciplex3_ood",
        {"full": "sciplex3_ood_sim", "small": "sim_ood", "tiny": "sim_ood_tiny"},
    ),
)


@dataclass(frozen=True)
class OpenedTask:
    """A task of the paper, on the real data or on what stands in for them."""

    paper: PaperTask
    task: Task

    @property
    def stands_in(self) -> bool:
        """Whether the data are simulated."""
        return self.task.dataset.simulated


def open_paper_tasks(size: str, tables: Collection[str]) -> list[OpenedTask]:
    """The tasks of these tables: on their data where they are in the cache, else on the simulation of this size."""
    from bench.tasks import open_task

    opened = []
    for paper in PAPER_TASKS:
        if paper.table not in tables:
            continue
        try:
            task = open_task(paper.task)
        except DatasetMissing:
            task = open_task(paper.stand_ins[size])
        opened.append(OpenedTask(paper, task))
    return opened
