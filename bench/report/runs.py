"""The runs behind a report, with their provenance in pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from bench.store import RunRecord
from reports.html.model import RunLine

_PRIVATE = frozenset({"traceback", "resource_files", "unsupported", "error"})


def run_lines(records: Iterable[RunRecord]) -> tuple[RunLine, ...]:
    """A line per run; paths of the machine that ran it are left out."""
    return tuple(_line(record) for record in records)


def _line(record: RunRecord) -> RunLine:
    details = record.details
    seconds = [details.get(name) for name in ("fit_seconds", "predict_seconds")]
    peak = details.get("peak_host_bytes")
    shown = {name: value for name, value in details.items() if name not in _PRIVATE}
    declined = record.unsupported
    note = str(details.get("reason", "")) or (f"{len(declined)} conditions not supported" if declined else "")
    return RunLine(
        key=record.key,
        task=record.task,
        method=record.method,
        seed=record.seed,
        status=record.status,
        seconds=math.nan if None in seconds else sum(float(value) for value in seconds if value is not None),
        gibibytes=math.nan if peak is None else float(peak) / 2**30,
        note=note,
        details=tuple(_pairs({**record.inputs, **shown})),
    )


def _pairs(content: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as flat (name, value) pairs."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _pairs(value, f"{prefix}{name}.")
        elif value not in (None, "", [], ()):
            yield f"{prefix}{name}", ", ".join(map(str, value)) if isinstance(value, list) else str(value)
