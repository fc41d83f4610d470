"""What an audit finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "note", "unknown", "mismatch", "leak"]


@dataclass(frozen=True)
class Finding:
    """Outcome of one check.

    Parameters
    ----------
    check
        What was looked at.
    level
        ``ok``; ``note``: worth knowing; ``unknown``: could not be checked here; ``mismatch``: the
        split, the data or the published facts disagree; ``leak``: a method is shown what is tested.
    detail
        One sentence.
    items
        Everything the sentence counts, complete.
    """

    check: str
    level: Level
    detail: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartSummary:
    """Size of one part of a split; cells are ``None`` where the data set is not here."""

    part: str
    conditions: int
    cells: int | None
    fewest_cells: int | None


@dataclass(frozen=True)
class Audit:
    """Audit of one task.

    Parameters
    ----------
    task, kind, dataset, source, seed, split_file, split_hash
        As in the split file.
    data_hash
        Content hash stamped in the data set; ``None`` where it is not here.
    parts
        Training, validation and test.
    control_folds
        Control cells by cell type and fold; empty where the data set is not here.
    findings
        Every check.
    """

    task: str
    kind: str
    dataset: str
    source: str
    seed: int
    split_file: str
    split_hash: str
    data_hash: str | None
    parts: tuple[PartSummary, ...]
    control_folds: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether there is neither a leak nor a mismatch."""
        return not any(finding.level in ("leak", "mismatch") for finding in self.findings)

    def to_dict(self) -> dict[str, object]:
        """Everything as JSON values, with the verdict."""
        return {**asdict(self), "clean": self.clean}


def listed(names: Iterable[str], most: int = 6) -> str:
    """The first names, and how many more there are."""
    named = list(names)
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")
