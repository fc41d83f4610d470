"""From stored scores to the tables of a task: who is shown, against whom, with which footnotes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.evaluator import AS_CELLS, RAW_MEAN, Evaluator, OwnRows
from bench.metrics.declare import Metric
from bench.protocols import Protocol
from bench.scoring import CONTROL_CELLS, ORACLE, TECHNICAL_DUPLICATE
from bench.store import RunRecord, Store
from bench.tables import Bounds, ColumnFacts, comparison_table, rank_table, score_table
from bench.tasks import Task
from reports.model import Comparison, Spread, Table

BEATABLE = "half of the cells predicts the other half: biased distances are larger than with all of them"
LIFTED = "predicts a mean; shown as training controls shifted to that mean, clipped at 0"
UNDER_TABLE = ("values", "predicted cells", "cell numbers", "differential genes", "means as cells", "floor and ceiling")
SIMULATED = "The cells are simulated: no number here is comparable with one measured on a real screen."
RAW = "the predicted mean itself, repeated for every cell"


@dataclass(frozen=True)
class Leaderboard:
    """Runs of one task under one protocol.

    Parameters
    ----------
    evaluator
        Scores the runs.
    protocol
        How.
    records
        The runs to show; refused and unsupported ones become dashes.
    raw_means
        Whether the unlifted means of mean predictors have rows of their own.
    """

    evaluator: Evaluator
    protocol: Protocol
    records: tuple[RunRecord, ...]
    raw_means: bool = False

    def table(self, *, spread: Spread = "conditions", every_metric: bool = False) -> Table:
        """The score table: headline columns, or every metric on every gene set."""
        return score_table(
            self.scores if every_metric else self._headline,
            self.facts,
            unsupported=self._unsupported,
            conditions=self.conditions,
            bounds=self.bounds,
            method_notes=self._notes,
            spread=spread,
            protocol_text=self._protocol_text,
            provenance=self._provenance,
            simulated=self.evaluator.task.dataset.simulated,
        )

    def ranks(self) -> Table:
        """The table of mean ranks over conditions, headline columns."""
        return rank_table(
            self._headline,
            self.facts,
            unsupported=self._unsupported,
            conditions=self.conditions,
            bounds=self.bounds,
            method_notes=self._notes,
            protocol_text=f"{self.protocol.summary} Every choice: `{self._explained}`.{self._simulated}",
            provenance=self._provenance,
            simulated=self.evaluator.task.dataset.simulated,
        )

    def comparison(self, reference: str | None = None) -> Comparison | None:
        """Every method against ``reference``, or against the best baseline; ``None`` if there is no baseline."""
        chosen = reference or self.best_baseline
        if chosen is None:
            return None
        return comparison_table(
            self._headline,
            self.facts,
            chosen,
            unsupported=self._unsupported,
            conditions=self.conditions,
            bounds=self.bounds,
            protocol_text=f"{self.protocol.summary} Every choice: `{self._explained}`.{self._simulated}",
            provenance=self._provenance,
            simulated=self.evaluator.task.dataset.simulated,
        )

    @property
    def best_baseline(self) -> str | None:
        """The baseline that covers most conditions, then the one with the best first headline score."""
        names = {record.method for record in self.records if record.details.get("role") == "baseline"}
        metric, genes = self.protocol.headline[0]
        frame = self._headline
        shown = frame[(frame["metric"] == metric) & (frame["genes"] == genes) & frame["method"].isin(names)]
        if shown.empty:
            return None
        sign = -1.0 if self.metrics[metric].better == "higher" else 1.0
        by_method = shown.groupby("method")
        order = pd.DataFrame({"n": -by_method["condition"].nunique(), "loss": sign * by_method["value"].mean()})
        return str(order.sort_values(["n", "loss"]).index[0])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Every score: columns task, protocol, method, seed, condition, metric, genes, value; bounds included."""
        frames = []
        for record in self.records:
            if record.status != "finished":
                continue
            scores = self.evaluator.scores(record, self.protocol)
            for form, name in ((AS_CELLS, record.method), (RAW_MEAN, f"{record.method} ({RAW_MEAN})")):
                if form == AS_CELLS or self.raw_means:
                    frames.append(scores[scores["form"] == form].assign(method=name, seed=record.seed))
        own = self._own.frame.assign(seed=0)
        if self._negative_control is not None:
            own = own[own["method"] != CONTROL_CELLS]
        columns = ["method", "seed", "condition", "metric", "genes", "value"]
        whole = pd.concat([*frames, own])[columns]
        return whole.assign(task=self.evaluator.task.name, protocol=self.protocol.label)

    @cached_property
    def _headline(self) -> pd.DataFrame:
        pairs = set(self.protocol.headline)
        keep = [pair in pairs for pair in zip(self.scores["metric"], self.scores["genes"], strict=True)]
        return self.scores.loc[keep]

    @cached_property
    def _own(self) -> OwnRows:
        return self.evaluator.own_rows(self.protocol)

    @property
    def conditions(self) -> list[str]:
        """Test conditions that the protocol scores."""
        return [key for key in self.evaluator.task.test_conditions if key not in self._own.unscored]

    @property
    def _negative_control(self) -> str | None:
        """The method that predicts nothing, if it was run."""
        names = (r.method for r in self.records if r.details.get("role") == "negative control" and r.done)
        return next(names, None)

    @property
    def bounds(self) -> Bounds:
        """Rows that bound the scale."""
        return Bounds(TECHNICAL_DUPLICATE, ORACLE, self._negative_control or CONTROL_CELLS)

    @property
    def metrics(self) -> dict[str, Metric]:
        """The protocol's metrics by name."""
        return {metric.name: metric for metric in self.protocol.metrics}

    @property
    def facts(self) -> list[ColumnFacts]:
        """What the numbers of every tabulated metric mean; the headline ones first."""
        order = dict.fromkeys(name for name, _ in self.protocol.headline)
        names = [*order, *(name for name in self.metrics if name not in order)]
        return [
            ColumnFacts(metric.name, metric.label, metric.better, metric.perfect, headline=name in order)
            for name in names
            if (metric := self.metrics[name]).perfect is not None
        ]

    @cached_property
    def _unsupported(self) -> pd.DataFrame:
        rows = []
        for record in self.records:
            if record.status == "unsupported":
                reasons = dict.fromkeys(self.conditions, str(record.details["reason"]))
            else:
                reasons = {key: why for key, why in record.unsupported.items() if key in self.conditions}
            rows += [(record.method, key, why) for key, why in reasons.items()]
        return pd.DataFrame(rows, columns=["method", "condition", "reason"]).drop_duplicates(["method", "condition"])

    @property
    def _notes(self) -> dict[str, list[str]]:
        notes: dict[str, list[str]] = {}
        if not self.protocol.repeats:
            notes[TECHNICAL_DUPLICATE] = [BEATABLE]
        for record in self.records:
            if record.status == "finished" and record.details.get("output") == "mean":
                notes[record.method] = [LIFTED]
                notes[f"{record.method} ({RAW_MEAN})"] = [RAW]
            elif record.details.get("source_file"):
                notes[record.method] = [f"predictions made elsewhere ({record.details['source_file']})"]
        return notes

    @property
    def _protocol_text(self) -> str:
        choices = self.protocol.choices
        told = "; ".join(f"{name}: {choices[name]}" for name in UNDER_TABLE if name in choices)
        unscored = "; ".join(f"{key}: {why}" for key, why in self._own.unscored.items())
        left_out = f" Not scored: {unscored}." if unscored else ""
        return f"{self.protocol.summary} {told}. Every choice: `{self._explained}`.{left_out}{self._simulated}"

    @property
    def _simulated(self) -> str:
        """What to say of simulated data; empty for real ones."""
        return f" {SIMULATED}" if self.evaluator.task.dataset.simulated else ""

    @property
    def _explained(self) -> str:
        return f"python -m bench protocols {self.protocol.name}"

    @property
    def _provenance(self) -> dict[str, str]:
        task = self.evaluator.task
        return {
            "data": f"{task.dataset.name} {task.dataset.hash}",
            "split": task.split.hash,
            "runs": " ".join(sorted(record.key for record in self.records if record.done)),
        }


def shown_records(store: Store, task: Task) -> list[RunRecord]:
    """Stored runs to tabulate: the newest of each (method, seed) that saw today's data and split.

    A run on an earlier version of either predicted other conditions or other cells; its scores are
    not comparable and it is left out.
    """
    current = {"data": task.dataset.hash, "split": task.split.hash}
    newest: dict[tuple[str, int], RunRecord] = {}
    for record in store.records():
        same = all(record.inputs.get(name) == value for name, value in current.items())
        if record.task == task.name and record.done and same:
            newest[record.method, record.seed] = record
    return sorted(newest.values(), key=lambda record: (record.method, record.seed))
