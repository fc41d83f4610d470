"""The paper's own table layout: metrics down, methods across, and under each published number ours by protocol."""

from __future__ import annotations

import pandas as pd

from reports.escape import escape_latex
from reports.grid import DASH
from reports.numbers import number

PUBLISHED = "published"
_METRICS = {"rmse": "RMSE", "e_distance": "E-distance", "emd": "EMD"}
_GENES = {"all": "All", "de20": "DE20", "de40": "DE40"}
_DECIMALS = 4


def published_table(frame: pd.DataFrame, *, placement: str = "tp") -> str:
    """One task as a LaTeX float; needs the packages that :mod:`reports.latex` needs.

    Parameters
    ----------
    frame
        One task. Columns ``task``, ``stands_for``, ``simulated``, ``method`` (as the paper writes it, or our label),
        ``label`` (ours; empty for published numbers), ``protocol`` (``published`` for the paper's numbers), ``metric``,
        ``genes``, ``mean``, ``spread``, ``n_conditions``.
    placement
        As in :func:`reports.latex.latex_table`.
    """
    columns = _columns(frame)
    protocols = sorted(dict.fromkeys(frame["protocol"]), key=lambda name: name != PUBLISHED)
    numbers: dict[tuple[str, ...], tuple[float, float]] = {}
    for row in frame.to_dict("records"):
        name = row["method"] if row["protocol"] == PUBLISHED else row["label"]
        numbers[row["metric"], row["genes"], row["protocol"], name] = float(row["mean"]), float(row["spread"])
    lines = [
        rf"\begin{{table}}[{placement}]",
        r"\centering",
        rf"\caption{{{_caption(frame)}}}",
        rf"\label{{tab:published-{_slug(str(frame['task'].iloc[0]))}}}",
        r"\medskip\footnotesize\setlength{\tabcolsep}{4pt}",
        r"\begin{adjustbox}{max width=\linewidth}",
        rf"\begin{{tabular}}{{@{{}}ll{'c' * len(columns)}@{{}}}}",
        r"\toprule",
        " & ".join(["metric", "protocol", *(escape_latex(_heading(method, label)) for method, label in columns)])
        + r" \\",
    ]
    rule = r"\midrule"
    for metric, genes in dict.fromkeys(zip(frame["metric"], frame["genes"], strict=True)):
        lines.append(rule)
        rule = r"\addlinespace"
        title = f"{_METRICS.get(metric, metric)} {_GENES.get(genes, genes)}"
        for place, protocol in enumerate(protocols):
            cells = [
                _cell(numbers.get((metric, genes, protocol, method if protocol == PUBLISHED else label)))
                for method, label in columns
            ]
            lines.append(" & ".join([title if place == 0 else "", escape_latex(protocol), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{adjustbox}", r"\end{table}", ""])


def _columns(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """(published method, our label) of every column: the paper's methods in its order, then ours that it lacks.

    Where several of ours are of one published method, each has a column, and the first stands under its number.
    """
    published = list(dict.fromkeys(frame.loc[frame["protocol"] == PUBLISHED, "method"]))
    ours = dict.fromkeys(
        (str(row.method), str(row.label)) for row in frame.itertuples(index=False) if row.protocol != PUBLISHED
    )
    columns = []
    for method in published:
        labels = sorted((label for name, label in ours if name == method), key=lambda label: (len(label), label))
        columns += [(method if place == 0 else "", label) for place, label in enumerate(labels or [""])]
    return columns + [("", label) for name, label in ours if name not in published]


def _heading(method: str, label: str) -> str:
    if not method or not label or method.lower() == label.lower():
        return method or label
    return f"{method} ({label})"


def _cell(found: tuple[float, float] | None) -> str:
    if found is None or pd.isna(found[0]):
        return escape_latex(DASH)
    mean, spread = found
    shown = escape_latex(number(mean, _DECIMALS))
    return shown if pd.isna(spread) else rf"{shown} {{\scriptsize$\pm${escape_latex(number(spread, _DECIMALS))}}}"


def _caption(frame: pd.DataFrame) -> str:
    first = frame.iloc[0]
    simulated = frame["simulated"].astype(bool).any()
    published = (frame["protocol"] == PUBLISHED).any()
    sentences = [f"{first['task']}, in the paper's layout."]
    if published:
        sentences.append("Published: Doloris (ICLR 2026), whose ± is over what it does not say.")
    else:
        sentences.append("No published numbers belong to this task.")
    sentences.append("Ours: the same stored predictions under each protocol, ± standard deviation over conditions.")
    if few := _scored_on_few(frame):
        sentences.append(f"Not comparable with the others, as scored on fewer conditions: {', '.join(few)}.")
    if simulated:
        sentences.append("Ours were measured on SIMULATED cells.")
    if simulated and published:
        sentences.append(
            f"They stand in for {first['stands_for']}, on which the published ones were measured: compare ours between "
            "protocols, never with the published ones."
        )
    return escape_latex(" ".join(sentences))


def _scored_on_few(frame: pd.DataFrame) -> list[str]:
    """Those of ours without a score for some condition that another has: ``linear (13 of 14)``."""
    scored = frame[(frame["protocol"] != PUBLISHED) & frame["mean"].notna()]
    counts = scored.groupby("label", sort=False)["n_conditions"].max()
    return [f"{label} ({count} of {counts.max()})" for label, count in counts.items() if count < counts.max()]


def _slug(name: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in name)
