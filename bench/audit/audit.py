"""One task's audit, with its data set or, where that is not here, by its split alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.audit.data import control_folds, data_findings, part_summaries
from bench.audit.findings import Audit, Finding, listed
from bench.audit.leaks import duplicate_structures, split_findings
from bench.data.dataset import open_dataset
from bench.errors import DatasetMissing
from bench.protocols import PROTOCOLS
from bench.splits import Split, read_split
from bench.splitting.facts import PUBLISHED, published_table
from bench.splitting.structure import smiles_by_drug
from bench.splitting.table import ConditionTable
from bench.tasks import Task, find_split
from methods.conditions import parse_key


def audit_task(name_or_path: str) -> Audit:
    """Audit a task.

    A data set that is not here leaves the checks that need it ``unknown``; a split that does not
    fit its data set is a finding, not an error.

    Parameters
    ----------
    name_or_path
        Task name, or path of a split file.

    Raises
    ------
    SplitError
        If there is no such task, or its split file is malformed or was edited after it was stamped.
    DataError
        If the data set is damaged.
    """
    path = find_split(name_or_path)
    split = read_split(path)
    task, remedy = _open(split)
    table = None if task is None else ConditionTable.of_dataset(task.dataset)
    smiles = _smiles(split, table)
    findings = [Finding("hash of the split", "ok", f"{split.hash[:12]}, as stamped")]
    findings += split_findings(split, smiles)
    if split.modality == "treatment":
        findings.append(duplicate_structures(_drugs(split, table), smiles))
    if task is None or table is None:
        findings += _without_data(split, remedy)
    else:
        findings += data_findings(task, table)
    findings += _protocols(split, _cells(split, table))
    return Audit(
        task=split.task,
        kind=split.kind.value,
        dataset=split.dataset,
        source=split.source,
        seed=split.seed,
        split_file=str(path),
        split_hash=split.hash,
        data_hash=None if task is None else task.dataset.hash,
        parts=part_summaries(split, table),
        control_folds={} if task is None else control_folds(task),
        findings=tuple(findings),
    )


def _open(split: Split) -> tuple[Task | None, str]:
    try:
        return Task(split, open_dataset(split.dataset)), ""
    except DatasetMissing as missing:
        return None, str(missing)


def _smiles(split: Split, table: ConditionTable | None) -> dict[str, str]:
    """SMILES by drug: the data set's own, the published ones for drugs it has none of."""
    if split.modality != "treatment":
        return {}
    published = smiles_by_drug(published_table(split.dataset)) if split.dataset in PUBLISHED else {}
    return {**published, **(smiles_by_drug(table) if table is not None else {})}


def _drugs(split: Split, table: ConditionTable | None) -> tuple[str, ...]:
    if table is not None:
        return tuple(sorted({condition.label for condition in table}))
    parts = split.conditions
    keys = (*parts.train, *parts.validation, *parts.test)
    return tuple(sorted({parse_key(key, split.modality).label for key in keys}))


def _without_data(split: Split, remedy: str) -> Iterator[Finding]:
    yield Finding("data set", "unknown", f"not here, so this audits the split only. {remedy}")
    if split.dataset not in PUBLISHED:
        return
    published = published_table(split.dataset)
    parts = split.conditions
    used = (*parts.train, *parts.validation, *parts.test)
    absent = tuple(key for key in used if key not in published.conditions)
    check = "conditions of the split in the published list"
    if absent:
        yield Finding(check, "mismatch", f"{len(absent)} are not published ones", absent)
    else:
        unused = tuple(key for key in published.conditions if key not in used)
        detail = f"all are there; {len(unused)} of {len(published):,} published conditions are in no part"
        yield Finding(check, "ok", detail, unused)


def _cells(split: Split, table: ConditionTable | None) -> Mapping[str, int] | None:
    """Cells by condition: of the data set, else as published."""
    if table is None and split.dataset in PUBLISHED:
        return published_table(split.dataset).cells
    return None if table is None else table.cells


def _protocols(split: Split, cells: Mapping[str, int] | None) -> Iterator[Finding]:
    """Which cells rank the differentially expressed genes, and which test conditions are too small to score."""
    tested = split.conditions.test
    for protocol in PROTOCOLS.values():
        detail = (
            f"{protocol.differential.value}; against the controls of fold {', '.join(protocol.differential_controls)}"
        )
        small: tuple[str, ...] = ()
        if cells is not None:
            small = tuple(f"{key} ({cells.get(key, 0)})" for key in tested if cells.get(key, 0) < protocol.min_cells)
            detail += (
                f". {len(tested) - len(small)} of {len(tested)} test conditions have its {protocol.min_cells} cells"
            )
            detail += f"; not {listed(small)}" if small else ""
        yield Finding(f"DE genes and cells, {protocol.label}", "note", detail, small)
