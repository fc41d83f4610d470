"""The paper's published numbers, and beside them what was measured here under each protocol.

A published number and one of ours differ by the method, its training, and the protocol. The same stored predictions,
scored under every protocol, show what the protocol alone does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from bench.errors import DataError
from bench.paths import splits_dir
from bench.splitting.stand_ins import STAND_INS

PUBLISHED_FILE = "published_scores.csv"
PUBLISHED = "published"
"""What stands in the column ``protocol`` for a published number."""

METRICS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "paper": MappingProxyType({"rmse": "rmse", "e_distance": "e_distance", "emd": "emd"}),
        "released": MappingProxyType({"rmse": "rmse", "e_distance": "e_distance_root", "emd": "emd"}),
        "calibrated": MappingProxyType({"rmse": "rmse", "e_distance": "e_distance_u", "emd": "emd_debiased"}),
    }
)
"""The metric of each protocol that answers to each of the paper's."""

COLUMNS = (
    "task",
    "stands_for",
    "simulated",
    "method",
    "label",
    "protocol",
    "metric",
    "genes",
    "measured_as",
    "mean",
    "spread",
    "spread_over",
    "n_conditions",
    "n_seeds",
)


def published_scores() -> pd.DataFrame:
    """Tables 1 and 2 of Doloris (ICLR 2026).

    Returns
    -------
    Columns ``table`` (1 or 2), ``task`` (ours of the same name), ``method`` (as the paper writes it), ``metric``
    (``rmse``, ``e_distance``, ``emd``), ``genes`` (``all``, ``de20``, ``de40``), ``mean`` and ``spread``, in the order
    of the tables. What the paper's ± is over it does not say.
    """
    return pd.read_csv(splits_dir() / "facts" / PUBLISHED_FILE)


def method_of(label: str, published: pd.DataFrame) -> str:
    """The paper's method that a label of ours belongs to; empty if the paper has none of the kind.

    A label is the method's name and, behind a sign, what is different or what it was given: ``gears-coexpr``,
    ``doloris+trrust``, ``linear (raw mean)``. Letter case does not matter.
    """
    plain = label.lower()
    for name in published["method"].unique():
        known = name.lower()
        if plain == known or plain.startswith((f"{known}-", f"{known}+", f"{known} ")):
            return str(name)
    return ""


def side_by_side(ours: pd.DataFrame) -> pd.DataFrame:
    """Published numbers, and ours of the same tasks under every protocol they were scored under.

    Parameters
    ----------
    ours
        One or more tidy score tables, as ``bench table --every-metric --format csv`` writes them and
        :func:`reports.tidy.to_csv` makes them: columns ``task``, ``protocol``, ``simulated``, ``method``, ``metric``,
        ``genes``, ``scale``, ``mean``, ``condition_sd``, ``n_conditions``, ``n_seeds``.

    Returns
    -------
    Columns :data:`COLUMNS`, one row per number. ``metric`` is the paper's, ``measured_as`` ours; ``protocol`` is
    ``published`` for a published number; ``method`` is the paper's name, or our label where the paper has no such
    method; ``label`` is ours, empty for published numbers. ``task`` is the task that was scored. If that is a stand-in,
    ``simulated`` is true for our rows and ``stands_for`` names the task whose published numbers are beside them: those
    were measured on other cells and must not be compared.

    Raises
    ------
    DataError
        If a column is missing, or numbers are normalised.
    """
    needed = ("task", "protocol", "simulated", "method", "metric", "genes", "scale", "mean", "condition_sd")
    for column in (*needed, "n_conditions", "n_seeds"):
        if column not in ours:
            raise DataError(f"score table: column {column!r} is missing; make it with `bench table --format csv`")
    if not (ours["scale"] == "raw").all():
        raise DataError(
            "score table, column scale: normalised numbers do not stand beside published ones; use raw ones"
        )
    published = published_scores()
    frames = []
    for task in map(str, ours["task"].unique()):
        real = STAND_INS[task][0] if task in STAND_INS else task
        frames.append(_published_rows(task, real, published))
        frames.append(_measured_rows(ours[ours["task"] == task], real, published))
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(frames, ignore_index=True)[list(COLUMNS)]


def _published_rows(task: str, real: str, published: pd.DataFrame) -> pd.DataFrame:
    rows = published[published["task"] == real]
    unknown = pd.array([pd.NA] * len(rows), dtype="Int64")
    return rows.assign(
        task=task,
        stands_for=real,
        simulated=False,
        label="",
        protocol=PUBLISHED,
        measured_as=rows["metric"],
        spread_over="not stated",
        n_conditions=unknown,
        n_seeds=unknown,
    )


def _measured_rows(rows: pd.DataFrame, real: str, published: pd.DataFrame) -> pd.DataFrame:
    name = rows["protocol"].str.partition("@")[0]
    asked = {(protocol, ours): theirs for protocol, metrics in METRICS.items() for theirs, ours in metrics.items()}
    theirs = pd.Series(
        [asked.get(pair, "") for pair in zip(name, rows["metric"], strict=True)], index=rows.index, dtype=object
    )
    kept = rows[(theirs != "") & rows["genes"].isin(published["genes"].unique())]
    method = kept["method"].map(lambda label: method_of(label, published) or label)
    simulated = kept["simulated"].astype(str).str.lower() == "true"
    return pd.DataFrame(
        {
            "task": kept["task"],
            "stands_for": real,
            "simulated": simulated,
            "method": method,
            "label": kept["method"],
            "protocol": kept["protocol"],
            "metric": theirs[kept.index],
            "genes": kept["genes"],
            "measured_as": kept["metric"],
            "mean": kept["mean"].astype(float),
            "spread": kept["condition_sd"].astype(float),
            "spread_over": "conditions",
            "n_conditions": kept["n_conditions"].astype("Int64"),
            "n_seeds": kept["n_seeds"].astype("Int64"),
        }
    )
