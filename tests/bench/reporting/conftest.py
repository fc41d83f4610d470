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

DECLINING = '''"""A method that declines all conditions, or all but the first, for which it knows the answer best."""
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


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with four methods, two seeds."""
    folder = tmp_path_factory.mktemp("reporting")
    named = [part for method in METHODS for part in ("--method", method)]
    assert main(["run", "--task", TASK, "--seeds", "2", "--device", "cpu", "--results", str(folder), *named]) == 0
    return folder


@pytest.fixture(scope="session")
def varied_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a method, the same without a part, and with two numbers of steps."""
    folder = tmp_path_factory.mktemp("varied")
    file = folder / "varied.py"
    file.write_text(VARIED)
    where = folder / "results"
    arguments = ["--method", str(file), "--seeds", "1", "--device", "cpu", "--results", str(where)]
    assert main(["ablate", "--task", TASK, *arguments]) == 0
    return where


@pytest.fixture(scope="session")
def declined_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two baselines, a method that declines everything, and one that covers one condition."""
    folder = tmp_path_factory.mktemp("declined")
    file = folder / "declining.py"
    file.write_text(DECLINING)
    where = folder / "results"
    named = ["control", "random-cells", "perturbed-mean", str(file), f"{file}[only=SAMD1+TGFBR2]"]
    arguments = [part for method in named for part in ("--method", method)]
    assert main(["run", "--task", TASK, "--seeds", "1", "--device", "cpu", "--results", str(where), *arguments]) == 0
    return where


@pytest.fixture(scope="session")
def board(results: Path) -> Leaderboard:
    (board,) = open_boards([TASK], Store(results), CALIBRATED)
    return board
