"""One leaderboard over the folds of a cross-validation, which test every condition once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.errors import SplitError
from bench.leaderboard import Leaderboard


@dataclass(frozen=True)
class FoldsLeaderboard(Leaderboard):
    """Runs of several tasks on one data set under one protocol, as if they were one task; see :func:`join_folds`.

    Parameters
    ----------
    boards
        A leaderboard per fold.
    """

    boards: tuple[Leaderboard, ...] = ()

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores of all folds."""
        return pd.concat([board.scores.assign(task=self._name) for board in self.boards], ignore_index=True)

    @property
    def conditions(self) -> list[str]:
        """Test conditions that the protocol scores, fold by fold."""
        return [key for board in self.boards for key in board.conditions]

    @cached_property
    def _unsupported(self) -> pd.DataFrame:
        return pd.concat([board._unsupported for board in self.boards], ignore_index=True)

    @property
    def _name(self) -> str:
        return f"{self.evaluator.task.dataset.name}, {len(self.boards)} folds"

    @property
    def _provenance(self) -> dict[str, str]:
        parts = [board._provenance for board in self.boards]
        return {name: " ".join(dict.fromkeys(part[name] for part in parts)) for name in parts[0]}


def join_folds(boards: Sequence[Leaderboard]) -> FoldsLeaderboard:
    """Join the leaderboards of folds, made by ``bench split --folds``.

    Raises
    ------
    SplitError
        If they are of different data sets or protocols, or a condition is tested twice.
    """
    first = boards[0]
    for board in boards[1:]:
        if board.evaluator.task.dataset.hash != first.evaluator.task.dataset.hash:
            raise SplitError(
                f"--folds: {first.evaluator.task.name} and {board.evaluator.task.name} are on different data; "
                "only the folds of one data set can be joined"
            )
    tested = [key for board in boards for key in board.evaluator.task.test_conditions]
    twice = sorted({key for key in tested if tested.count(key) > 1})
    if twice:
        raise SplitError(f"--folds: {twice[0]!r} is tested by two of the tasks; folds test each condition once")
    return FoldsLeaderboard(
        evaluator=first.evaluator,
        protocol=first.protocol,
        records=tuple(record for board in boards for record in board.records),
        raw_means=first.raw_means,
        boards=tuple(boards),
    )
