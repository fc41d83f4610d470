"""Computing a stored run again from its record."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.devices import resolve_devices
from bench.engines import LocalEngine
from bench.errors import StoreError
from bench.exchange import PREDICTIONS_FILE
from bench.method_settings import shown_settings, split_settings
from bench.registry import find_methods
from bench.runner import RunOptions, execute_runs, plan_runs
from bench.store import RunRecord, Store
from bench.tasks import open_task


@dataclass(frozen=True)
class Reproduction:
    """How a second computation of a run compares with the first.

    Parameters
    ----------
    identical
        Whether every predicted value is the same.
    verdict
        The same in words, with the largest difference.
    changes
        What decides the result and differs from what it was then.
    """

    identical: bool
    verdict: str
    changes: tuple[str, ...]


def reproduce(store: Store, key: str) -> Reproduction:
    """Run again what a record describes and compare the predictions value by value.

    Raises
    ------
    StoreError
        If there is no such run, it has no predictions, it was made elsewhere, or it fails this time.
    """
    record = store.read(key)
    if record is None:
        raise StoreError(f"{store.root}: there is no run {key!r}; the folders there are named by their runs' keys")
    if record.status != "finished" or "method_name" not in record.details:
        raise StoreError(f"{key}: {_why_not(record)}, so there is nothing to compute again")
    module = str(record.details["method_module"])
    task = open_task(record.task)
    name = str(record.details["method_name"])
    named = [shown_settings(module, split_settings(name)[1])] if module.endswith(".py") else [name]
    methods = [entry for entry in find_methods(named) if entry.name == name]
    resources = {name: Path(path) for name, path in record.details.get("resource_files", {}).items()}
    options = RunOptions(
        n_cells=int(str(record.inputs["n_cells"])), device_type=str(record.inputs["device"]), resources=resources
    )
    planned = plan_runs([task], methods, [record.seed], options)
    with tempfile.TemporaryDirectory(dir=store.root, prefix=".reproduce-") as folder:
        again = Store(Path(folder))
        engine = LocalEngine(resolve_devices(options.device_type)[:1])
        ended = [news for news in execute_runs(planned, again, engine, options) if isinstance(news, RunRecord)]
        if ended[0].status != "finished":
            raise StoreError(f"{key}: this time the run ended as {ended[0].status}: {ended[0].details.get('error')}")
        difference = _difference(store.path(key) / PREDICTIONS_FILE, again.path(ended[0].key) / PREDICTIONS_FILE)
    changes = tuple(_changes(dict(record.inputs), dict(planned[0].spec.inputs)))
    if difference == 0:
        return Reproduction(True, f"{key}: reproduced, every predicted value is identical", changes)
    how = "other conditions or genes" if difference is None else f"largest difference {difference:.3g}"
    return Reproduction(False, f"{key}: NOT reproduced, {how}", changes)


def _why_not(record: RunRecord) -> str:
    return "predictions made elsewhere" if record.status == "finished" else f"the run is recorded as {record.status}"


def _difference(first: Path, second: Path) -> float | None:
    """Largest absolute difference of two predictions files; ``None`` if they are not of one shape."""
    import anndata

    a, b = anndata.read_h5ad(first), anndata.read_h5ad(second)
    same = a.shape == b.shape and list(a.var_names) == list(b.var_names)
    if not same or a.obs["condition"].astype(str).tolist() != b.obs["condition"].astype(str).tolist():
        return None
    gap = abs(a.X - b.X)
    return float(gap.max()) if np.prod(a.shape) else 0.0


def _changes(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    changed = []
    for name in sorted(then.keys() | now.keys()):
        before, after = then.get(name), now.get(name)
        if before != after:
            changed.append(f"{name}: {before} -> {after}")
    return changed
