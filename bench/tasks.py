"""A task: one split file on one data set, cut into what methods see and what only the evaluator sees."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.data.dataset import Dataset, open_dataset
from bench.errors import SplitError
from bench.folds import control_folds, seen_by_methods
from bench.heldout import CONTROL_FOLDS, HeldOut
from bench.paths import cache_dir, splits_dir
from bench.splits import Split, read_split
from methods.base import Resources, TrainingData
from methods.conditions import Condition

if TYPE_CHECKING:
    from anndata import AnnData


OBS_COLUMNS = ("condition", "control", "cell_type", "perturbation", "drug", "dose", "smiles")


@dataclass(frozen=True)
class Task:
    """One split file on its data set.

    Parameters
    ----------
    split
        Conditions and control folds.
    dataset
        The cells.
    """

    split: Split
    dataset: Dataset

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.split.task

    @property
    def conditions(self) -> Mapping[str, Condition]:
        """Every condition of the data set, by key."""
        return self.dataset.conditions

    @property
    def target_sum(self) -> float:
        """Counts per cell before log1p."""
        return float(self.dataset.provenance["target_sum"])

    @property
    def training_conditions(self) -> list[Condition]:
        """Training and validation conditions, controls left out."""
        return [self.conditions[key] for key in (*self.split.conditions.train, *self.split.conditions.validation)]

    @cached_property
    def test_conditions(self) -> dict[str, Condition]:
        """The held-out conditions, in the order of the split file."""
        return {key: self.conditions[key] for key in self.split.conditions.test}

    def control_fold(self) -> pd.Series:
        """Fold of every control cell, by cell id: ``train``, ``scoring`` or ``de``."""
        obs = self.dataset.obs
        return control_folds(obs.index[obs["control"].to_numpy(dtype=bool)], self.split)

    @cached_property
    def training_rows(self) -> np.ndarray:
        """Rows of the data set that methods may see: training and validation cells, training controls."""
        return np.flatnonzero(seen_by_methods(self.dataset.obs, self.split))

    def training_cells(self) -> AnnData:
        """Cells of ``training_rows`` with the contract's columns, and nothing else of the file."""
        adata = self.dataset.cells(self.training_rows)
        adata.obs = adata.obs[[column for column in OBS_COLUMNS if column in adata.obs]].copy()
        adata.obs["validation"] = adata.obs["condition"].isin(self.split.conditions.validation).to_numpy()
        adata.obs["condition"] = adata.obs["condition"].astype(str)
        adata.uns = {}
        return adata

    def training_data(self, resources: Resources | None = None) -> TrainingData:
        """What a method is handed."""
        adata = self.training_cells()
        present = {key: self.conditions[key] for key in sorted(set(adata.obs["condition"]))}
        return TrainingData(adata, present, self.split.kind, self.target_sum, resources or Resources())

    def held_out(self) -> HeldOut:
        """What only the evaluator sees: the test cells and the folded controls."""
        obs = self.dataset.obs
        labels = obs["condition"].astype(str).to_numpy()
        rows = {key: np.flatnonzero(labels == key) for key in self.split.conditions.test}
        training = self.training_data()
        parts = self.split.conditions
        return HeldOut(
            genes=self.dataset.genes,
            conditions=self.test_conditions,
            cells={key: self.dataset.cells(row).X for key, row in rows.items()},
            cell_ids={key: obs.index[row].to_numpy() for key, row in rows.items()},
            controls={
                cell_type: {fold: self.dataset.cells(rows).X for fold, rows in folds.items()}
                for cell_type, folds in self.control_rows().items()
            },
            train_means=training.condition_means(controls=False),
            train_conditions={key: self.conditions[key] for key in (*parts.train, *parts.validation)},
            seed=self.split.seed,
        )

    def control_rows(self) -> dict[str, dict[str, np.ndarray]]:
        """Rows of the control cells by cell type of the task, then by fold."""
        obs = self.dataset.obs
        rows = np.flatnonzero(obs["control"].to_numpy(dtype=bool))
        fold = self.control_fold().to_numpy()
        cell_type = np.array([self.conditions[key].cell_type for key in obs["condition"].iloc[rows].astype(str)])
        parts = self.split.conditions
        of_task = {self.conditions[key].cell_type for key in (*parts.train, *parts.validation, *parts.test)}
        return {
            name: {part: rows[(cell_type == name) & (fold == part)] for part in CONTROL_FOLDS}
            for name in sorted(of_task)
        }


def split_folders() -> tuple[Path, ...]:
    """Folders searched for split files: the checked-in ones, then the user's own."""
    return splits_dir(), cache_dir() / "splits"


def list_tasks() -> list[tuple[str, Path]]:
    """Every task there is a split file for, sorted by name; a checked-in file hides the user's own."""
    found: dict[str, Path] = {}
    for folder in reversed(split_folders()):
        found.update({path.stem: path for path in folder.glob("*.toml")})
    return sorted(found.items())


def find_split(name_or_path: str) -> Path:
    """Split file of a task, by task name or by path.

    Raises
    ------
    SplitError
        If there is none; the message lists the closest names, if any are close.
    """
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    tasks = dict(list_tasks())
    if name_or_path in tasks:
        return tasks[name_or_path]
    close = difflib.get_close_matches(name_or_path, tasks, n=3)
    hint = f" (closest: {', '.join(close)})" if close else ""
    raise SplitError(
        f"there is no task {name_or_path!r}{hint}. `python -m bench tasks` lists them; "
        "`python -m bench split` makes one from an imported data set"
    )


def load_split(name_or_path: str) -> Split:
    """Read the split file of a task, by task name or by path."""
    return read_split(find_split(name_or_path))


def open_task(name_or_path: str) -> Task:
    """Open a task and check its split against its data set.

    Raises
    ------
    SplitError
        If the split names a condition that the data set lacks, or is of another modality.
    bench.errors.DatasetMissing
        If the data set has not been fetched or imported.
    """
    path = find_split(name_or_path)
    split = read_split(path)
    task = Task(split, open_dataset(split.dataset))
    _check_fit(task, path)
    return task


def _check_fit(task: Task, path: Path) -> None:
    split, dataset = task.split, task.dataset
    if split.modality != dataset.modality:
        raise SplitError(
            f"{path}, modality: the split says {split.modality!r} but data set {dataset.name!r} is of "
            f"modality {dataset.modality!r}; re-import the data or re-run `python -m bench split`"
        )
    known = dataset.conditions
    for part in ("train", "validation", "test"):
        for index, key in enumerate(getattr(split.conditions, part)):
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f" (closest: {close[0]!r})" if close else ""
                raise SplitError(
                    f"{path}, conditions.{part}[{index}]: {key!r} is not in data set {dataset.name!r}{hint}. "
                    "Rename it or re-run `python -m bench split`"
                )
    tested = {condition.cell_type for condition in task.test_conditions.values()}
    for cell_type, folds in task.control_rows().items():
        for name, rows in folds.items():
            if cell_type in tested and rows.size < 2:
                where = f" of cell type {cell_type!r}" if cell_type else ""
                raise SplitError(
                    f"{path}, [controls] {name} = {getattr(split.controls, name):g}: {rows.size} control cells{where} "
                    "fall in this fold, 2 are needed; enlarge the fraction or leave its conditions out of the split"
                )
