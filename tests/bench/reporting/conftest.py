from __future__ import annotations

from pathlib import Path

import pytest

from bench.boards import open_boards
from bench.cli import main
from bench.leaderboard import Leaderboard
from bench.protocols import CALIBRATED
from bench.store import Store

TASK = "sim_double_tiny"
METHODS = ("additive", "control", "linear", "random-cells")

DECLINING = '''"""A method that declines all conditions, or all but one."""
import numpy as np

from methods.base import Method, Unsupported
from methods.conditions import TaskKind


class Declining(Method):
    """Control cells for one condition, or for none."""

    name = "declining"
    tasks = frozenset(TaskKind)

    def __init__(self, only: str = "") -> None:
        self.only = only

    def configuration(self):
        return {"only": self.only}

    def fit(self, train, *, seed, device, progress):
        self.shift = 0.0

    def predict(self, query, *, n_cells, seed):
        if query.condition.key != self.only:
            raise Unsupported("not this one")
        rng = np.random.default_rng(seed)
        return query.controls.X[rng.integers(query.controls.n_obs, size=n_cells)].toarray()
'''

VARIED = '''"""A method with a part that can be left out and a number of steps."""
import numpy as np

from methods.base import Method
from methods.conditions import TaskKind


class Varied(Method):
    """Control cells; noise where a part is missing, more of it with fewer steps."""

    name = "varied"
    tasks = frozenset(TaskKind)
    ablations = ({"without": "half-of-it"}, {"nfe": 1})

    def __init__(self, without: str = "nothing", nfe: int = 50) -> None:
        self.without, self.nfe = without, nfe

    def configuration(self):
        return {"without": self.without, "nfe": self.nfe}

    def fit(self, train, *, seed, device, progress):
        pass

    def predict(self, query, *, n_cells, seed):
        rng = np.random.default_rng(seed)
        cells = query.controls.X[rng.integers(query.controls.n_obs, size=n_cells)].toarray()
        noise = (self.without != "nothing") + 1.0 / self.nfe
        return np.clip(cells + noise * rng.normal(size=cells.shape), 0.0, 5.0).astype(np.float32)
'''


def stored(folder: Path, command: str, *methods: str, seeds: int = 1) -> Path:
    """The folder, with the results of a command on the task."""
    named = [part for method in methods for part in ("--method", method)]
    where = ["--task", TASK, "--seeds", str(seeds), "--device", "cpu", "--results", str(folder)]
    assert main([command, *where, *named]) == 0
    return folder


def written(folder: Path, name: str, source: str) -> str:
    """Path of a method file."""
    file = folder / name
    file.write_text(source)
    return str(file)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with four methods, two seeds."""
    return stored(tmp_path_factory.mktemp("reporting"), "run", *METHODS, seeds=2)


@pytest.fixture(scope="session")
def varied_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a method, the same without a part, and with two numbers of steps."""
    folder = tmp_path_factory.mktemp("varied")
    return stored(folder / "results", "ablate", written(folder, "varied.py", VARIED))


@pytest.fixture(scope="session")
def declined_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with three baselines, a method that declines everything, and one that covers one condition."""
    folder = tmp_path_factory.mktemp("declined")
    file = written(folder, "declining.py", DECLINING)
    some = ("control", "random-cells", "perturbed-mean")
    return stored(folder / "results", "run", *some, file, f"{file}[only=SAMD1+TGFBR2]")


@pytest.fixture(scope="session")
def board(results: Path) -> Leaderboard:
    (board,) = open_boards([TASK], Store(results), CALIBRATED)
    return board
