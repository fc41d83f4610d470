"""Seeded draws that depend on the seed and on what is drawn from, never on the order it came in."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

import numpy as np

from bench.errors import SplitError
from bench.hashing import derive_seed


def shuffled(names: Iterable[str], *, seed: int, axis: str) -> list[str]:
    """The names in a random order fixed by the seed and the axis (``"test"``, ``"validation"``)."""
    ordered = sorted(names)
    generator = np.random.default_rng(derive_seed(data=seed, axis=axis))
    return [ordered[index] for index in generator.permutation(len(ordered))]


def share(fraction: float, total: int) -> int:
    """Number of things that a fraction of ``total`` is: rounded, a half upwards, at least one."""
    # 0.15 * 10 is 1.5 on paper and 1.4999... in binary: round what is left after that noise
    return max(1, math.floor(round(fraction * total, 9) + 0.5))


def check_known(names: Collection[str], known: Collection[str], *, what: str, option: str) -> None:
    """Complain about names that are not among the known ones, with the closest that are.

    Raises
    ------
    SplitError
        If a name is unknown.
    """
    import difflib

    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3) or sorted(known)[:10]
            raise SplitError(f"{option}: {name!r} is no {what} of this data set (closest: {', '.join(close)})")


def dealt(ordered: Iterable[str], hands: int) -> tuple[tuple[str, ...], ...]:
    """Deal names to ``hands`` folds in turn, as cards; fold sizes differ by at most one."""
    cards = list(ordered)
    return tuple(tuple(cards[hand::hands]) for hand in range(hands))
