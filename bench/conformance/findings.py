"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """Outcome of one check.

    Parameters
    ----------
    check
        What was checked.
    status
        ``warning`` where the contract allows it but a person may not have meant it.
    expected, found, change
        What the contract says, what came, what to change; for ``ok``, ``found`` may hold a remark.
    """

    check: str
    status: Status
    expected: str = ""
    found: str = ""
    change: str = ""
