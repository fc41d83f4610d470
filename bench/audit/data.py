"""Checks that need the data set: whether the split fits it, and whether it is what it says it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from bench.audit.findings import Finding, PartSummary, listed
from bench.data.canonical import content_hash
from bench.heldout import CONTROL_FOLDS
from bench.splits import Split
from bench.splitting.facts import PUBLISHED, check_against_facts
from bench.splitting.structure import compound_keys, smiles_by_drug
from bench.splitting.table import ConditionTable
from bench.tasks import Task
from methods.conditions import TaskKind

_IMPORTED_PANEL = (
    "all genes of the imported file; on which cells its maker chose them is not recorded, test cells included"
)


def part_summaries(split: Split, table: ConditionTable | None) -> tuple[PartSummary, ...]:
    """Conditions of each part, and their cells as far as the data set has them."""
    summaries = []
    for part in ("train", "validation", "test"):
        keys = getattr(split.conditions, part)
        if table is None or table.cells is None:
            summaries.append(PartSummary(part, len(keys), None, None))
            continue
        cells = [table.cells.get(key, 0) for key in keys]
        summaries.append(PartSummary(part, len(keys), sum(cells), min(cells) if cells else None))
    return tuple(summaries)


def data_findings(task: Task, table: ConditionTable) -> Iterator[Finding]:
    """Every check of a split against its data set."""
    yield from _fit(task, table)
    yield from _unused(task, table)
    yield from _controls(task)
    yield from _panel(task, table)
    yield _data_hash(task)
    yield _facts(task)


def control_folds(task: Task) -> dict[str, dict[str, int]]:
    """Control cells by cell type and fold."""
    fold = task.control_fold()
    cell_type = task.dataset.obs["cell_type"].loc[fold.index].astype(str)
    counts = Counter(zip(cell_type, fold, strict=True))
    return {name: {part: counts[name, part] for part in CONTROL_FOLDS} for name in sorted(set(cell_type))}


def _fit(task: Task, table: ConditionTable) -> Iterator[Finding]:
    check = "conditions of the split in the data"
    split, dataset = task.split, task.dataset
    if split.modality != dataset.modality:
        detail = f"the split's modality is {split.modality!r}, the data set's {dataset.modality!r}"
        yield Finding(check, "mismatch", detail)
    parts = split.conditions
    absent = tuple(key for key in (*parts.train, *parts.validation, *parts.test) if key not in table.conditions)
    if absent:
        detail = f"{len(absent)} are not in the data: {listed(absent)}; rename them or re-run `python -m bench split`"
        yield Finding(check, "mismatch", detail, absent)
    else:
        yield Finding(check, "ok", "all are there")


def _unused(task: Task, table: ConditionTable) -> Iterator[Finding]:
    check = "conditions of the data in no part"
    parts = task.split.conditions
    used = {*parts.train, *parts.validation, *parts.test}
    unused = [key for key in table.conditions if key not in used]
    if not unused:
        yield Finding(check, "ok", "none")
        return
    cells = table.cells or {}
    reasons = _reasons(task, table)
    why: dict[str, list[str]] = {}
    for key in unused:
        why.setdefault(reasons.get(key, "left out by the split"), []).append(f"{key} ({cells.get(key, 0)})")
    grouped = "; ".join(f"{reason}: {listed(keys, 3)}" for reason, keys in why.items())
    total = sum(cells.get(key, 0) for key in unused)
    yield Finding(check, "note", f"{len(unused)} ({total:,} cells), not used: {grouped}", tuple(unused))


def _reasons(task: Task, table: ConditionTable) -> dict[str, str]:
    """Why a condition in no part may not train, where that follows from the task's kind."""
    tested = [table.conditions[key] for key in task.split.conditions.test if key in table.conditions]
    if task.split.kind is TaskKind.UNSEEN_GENE:
        genes = {gene for condition in tested for gene in condition.perturbations}
        return {key: "perturbs a tested gene" for key, c in table.conditions.items() if genes & set(c.perturbations)}
    if task.split.kind is TaskKind.OOD_DRUG:
        compounds = compound_keys(smiles_by_drug(table))
        hidden = {compounds[condition.label] for condition in tested if condition.label in compounds}
        return {
            key: "is a tested compound under another name"
            for key, condition in table.conditions.items()
            if compounds.get(condition.label) in hidden
        }
    return {}


def _controls(task: Task) -> Iterator[Finding]:
    folds = control_folds(task)
    tested = {
        cell_type
        for cell_type in folds
        if len(folds) == 1 or any(_in(key, cell_type) for key in task.split.conditions.test)
    }
    small = tuple(
        f"{cell_type}: {part} {folds[cell_type][part]}"
        for cell_type in sorted(tested)
        for part in CONTROL_FOLDS
        if folds[cell_type][part] < 2
    )
    if small:
        yield Finding(
            "control folds", "mismatch", f"fewer than 2 cells in {listed(small)}; enlarge the fraction", small
        )
    else:
        least = min((folds[cell_type][part] for cell_type in tested for part in CONTROL_FOLDS), default=0)
        yield Finding(
            "control folds", "ok", f"at least {least} cells in every fold of the {len(tested)} tested cell types"
        )
    yield _disjoint(task)


def _in(key: str, cell_type: str) -> bool:
    return key.endswith(f"|{cell_type}")


def _disjoint(task: Task) -> Finding:
    """Rows that methods are shown against rows that the evaluator scores with."""
    obs = task.dataset.obs
    fold = task.control_fold()
    kept = obs.index.isin(fold.index[fold != "train"]) | obs["condition"].isin(task.split.conditions.test).to_numpy()
    shown = np.zeros(len(obs), dtype=bool)
    shown[task.training_rows] = True
    both = tuple(map(str, obs.index[shown & kept]))
    if both:
        return Finding("cells shown and scored", "leak", f"{len(both)} cells are both: {listed(both)}", both)
    detail = f"{int(shown.sum()):,} training cells and {int(kept.sum()):,} held-out cells are disjoint"
    return Finding("cells shown and scored", "ok", detail)


def _panel(task: Task, table: ConditionTable) -> Iterator[Finding]:
    dataset = task.dataset
    how = "simulated" if dataset.simulated else str(dataset.provenance.get("gene_panel", _IMPORTED_PANEL))
    yield Finding("gene panel", "note", f"{len(dataset.genes):,} genes: {how}")
    if dataset.modality != "gene":
        return
    measured = set(dataset.genes)
    tested = {
        gene
        for key in task.split.conditions.test
        if key in table.conditions
        for gene in table.conditions[key].perturbations
    }
    perturbed = {gene for condition in table for gene in condition.perturbations}
    absent = tuple(sorted(perturbed - measured))
    check = "perturbed genes that are not measured"
    if absent:
        unmeasured = len(tested - measured)
        detail = f"{len(absent)} of {len(perturbed)}, {unmeasured} of the {len(tested)} tested: {listed(absent)}"
        yield Finding(check, "note", detail, absent)
    else:
        yield Finding(check, "ok", f"all {len(perturbed)} are measured")


def _data_hash(task: Task) -> Finding:
    dataset = task.dataset
    recomputed = content_hash(dataset.cells(np.arange(len(dataset.obs))))
    if recomputed != dataset.hash:
        detail = (
            f"{dataset.path}: stamped {dataset.hash[:12]}, content {recomputed[:12]}: changed after it was written; "
            "import it again"
        )
        return Finding("hash of the data", "mismatch", detail)
    return Finding("hash of the data", "ok", f"{recomputed[:12]}, recomputed from the cells")


def _facts(task: Task) -> Finding:
    check = "differences to the published facts"
    if task.dataset.name not in PUBLISHED:
        return Finding(check, "ok", f"no facts are kept about {task.dataset.name!r}")
    differences = tuple(check_against_facts(task.dataset))
    if differences:
        return Finding(check, "mismatch", "; ".join(differences), differences)
    return Finding(check, "ok", "none")
