"""Metrics. Each module declares its own in a tuple ``METRICS``; they are found by looking, not by listing."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.metrics.declare import Metric


@cache
def all_metrics() -> Mapping[str, Metric]:
    """Every declared metric by name, in the order of the modules' names and of their rows.

    Raises
    ------
    ValueError
        If two rows have the same name.
    """
    found: dict[str, Metric] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for metric in getattr(module, "METRICS", ()):
            if metric.name in found:
                raise ValueError(f"{module.__name__}: metric {metric.name!r} is declared twice; rename one")
            found[metric.name] = metric
    return MappingProxyType(found)
