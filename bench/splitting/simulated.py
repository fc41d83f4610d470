"""The tasks on the embedded simulation: what ``bench split`` is asked for to make each of them.

``python -m bench.splitting.simulated`` writes them into ``splits/``; a test makes them anew and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bench.paths import splits_dir
from bench.splits import Split, write_split
from bench.splitting.choose import Wishes, propose_splits
from bench.splitting.propose import Recipe
from bench.splitting.table import ConditionTable
from methods.conditions import TaskKind

MIN_CELLS = 20
"""Fewest cells of a condition: the generator spreads cell numbers as real screens do."""

# the drugs of the paper's out-of-distribution list that the simulation has, and one that does nothing
_OOD = ("Alvespimycin", "Belinostat", "Cimetidine", "Dacinostat", "Flavopiridol", "Givinostat", "Tanespimycin")
_OOD_TINY = ("Belinostat", "Cimetidine")


@dataclass(frozen=True)
class SimulatedTask:
    """One task: its data set, and what to hold out."""

    dataset: str
    wishes: Wishes


def _tasks(size: str, ood: tuple[str, ...]) -> dict[str, SimulatedTask]:
    wishes = {
        "sim_single": ("sim_single", Wishes(TaskKind.UNSEEN_GENE)),
        "sim_double": ("sim_double", Wishes(TaskKind.DOUBLE_GENE)),
        "sim_covariate": ("sim_drug", Wishes(TaskKind.UNSEEN_COVARIATE)),
        "sim_ood": ("sim_drug", Wishes(TaskKind.OOD_DRUG, drugs=ood)),
    }
    return {f"{task}{size}": SimulatedTask(f"{data}{size}", wish) for task, (data, wish) in wishes.items()}


SIMULATED_TASKS: Mapping[str, SimulatedTask] = MappingProxyType({**_tasks("", _OOD), **_tasks("_tiny", _OOD_TINY)})
"""What is asked for, by task."""


def simulated_split(task: str) -> Split:
    """The split of a simulated task; simulates its data set if that is not in the cache.

    Equal to what ``python -m bench split DATASET`` makes with the same options.
    """
    from bench.data.dataset import open_dataset

    asked = SIMULATED_TASKS[task]
    dataset = open_dataset(asked.dataset)
    recipe = Recipe(task, asked.dataset, dataset.modality, min_cells=MIN_CELLS, panel=frozenset(dataset.genes))
    (proposal,) = propose_splits(ConditionTable.of_dataset(dataset), asked.wishes, recipe)
    return proposal.split


def write_simulated_tasks(folder: Path) -> tuple[Path, ...]:
    """Write the split file of every simulated task."""
    written = []
    for task in SIMULATED_TASKS:
        path = folder / f"{task}.toml"
        write_split(simulated_split(task), path)
        written.append(path)
    return tuple(written)


if __name__ == "__main__":
    for file in write_simulated_tasks(splits_dir()):
        print(file)
