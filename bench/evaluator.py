"""Scores stored runs of one task, once per protocol and scorer, and the evaluator's own rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.atomic import atomic_dir
from bench.exchange import PREDICTIONS_FILE
from bench.hashing import derive_seed, hash_json
from bench.protocols import Protocol
from bench.sources import scorer_hash
from bench.store import RunRecord, Store
from bench.tasks import Task

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from bench.heldout import HeldOut
    from bench.predictions import Predictions
    from bench.reference import Reference
    from bench.scoring import OracleCells, Scores

AS_CELLS = "cells"
RAW_MEAN = "raw mean"


@dataclass(frozen=True)
class OwnRows:
    """What the evaluator adds to a table: technical duplicate, control cells, oracle.

    Parameters
    ----------
    frame
        Long score frame with a ``method`` column that names the row.
    unscored
        Test conditions that the protocol does not score, and why.
    """

    frame: pd.DataFrame
    unscored: Mapping[str, str]


class Evaluator:
    """Scores runs of one task; the truth's own terms are computed once per protocol."""

    def __init__(self, task: Task, store: Store, device: str = "cpu") -> None:
        self.task = task
        self._store = store
        self._device = device
        self._references: dict[str, Reference] = {}
        self._known: dict[tuple[str, str], pd.DataFrame] = {}

    def scores(self, record: RunRecord, protocol: Protocol) -> pd.DataFrame:
        """Scores of a finished run, from the store if today's code has scored it already.

        Returns
        -------
        Columns ``condition``, ``metric``, ``genes``, ``value``, ``protocol``, ``scorer`` and ``form``:
        ``cells`` for cells (a mean is lifted), ``raw mean`` for a mean as it is.
        """
        known = (record.key, protocol.label)
        if known not in self._known:
            self._known[known] = self._stored_or_fresh(record, protocol)
        return self._known[known]

    def _stored_or_fresh(self, record: RunRecord, protocol: Protocol) -> pd.DataFrame:
        stored = self._store.read_scores(record.key)
        if stored is not None:
            found = stored[(stored["protocol"] == protocol.label) & (stored["scorer"] == scorer_hash())]
            if len(found):
                return found
        fresh = self._score(record, protocol)
        kept = stored[stored["protocol"] != protocol.label] if stored is not None else None
        self._store.write_scores(record.key, fresh if kept is None else pd.concat([kept, fresh], ignore_index=True))
        return fresh

    def own_rows(self, protocol: Protocol) -> OwnRows:
        """The evaluator's rows, from the store if today's code has computed them already."""
        task = self.task
        digest = hash_json({"data": task.dataset.hash, "split": task.split.hash, "scorer": scorer_hash()})
        folder = self._store.root / ".references" / f"{task.name}-{protocol.label}-{digest[:12]}"
        if not folder.exists():
            self._write_own_rows(folder, protocol)
        unscored = json.loads((folder / "unscored.json").read_text(encoding="utf-8"))
        return OwnRows(pd.read_parquet(folder / "scores.parquet"), unscored)

    def _write_own_rows(self, folder: Path, protocol: Protocol) -> None:
        from bench.scoring import reference_rows

        reference = self.reference(protocol)
        seed = derive_seed(data=self.task.split.seed, axis="evaluator rows")
        rows = reference_rows(reference, seed, _oracle(self.task))
        frame = pd.concat([scores.frame.assign(method=name) for name, scores in rows.items()], ignore_index=True)
        with atomic_dir(folder) as partial:
            frame.to_parquet(partial / "scores.parquet", index=False)
            (partial / "unscored.json").write_text(json.dumps(dict(reference.unscored)), encoding="utf-8")

    def _score(self, record: RunRecord, protocol: Protocol) -> pd.DataFrame:
        from bench.scoring import score, score_raw_mean

        predictions = self.predictions(record)
        reference = self.reference(protocol)
        seed = self._scoring_seed(record)
        forms: dict[str, Scores] = {AS_CELLS: score(predictions, reference, seed)}
        if predictions.output == "mean":
            forms[RAW_MEAN] = score_raw_mean(predictions, reference, seed)
        frames = [scores.frame.assign(form=form) for form, scores in forms.items()]
        return pd.concat(frames, ignore_index=True).assign(protocol=protocol.label, scorer=scorer_hash())

    def predictions(self, record: RunRecord) -> Predictions:
        """What a finished run predicted."""
        from bench.predictions_file import read_predictions

        return read_predictions(
            self._store.path(record.key) / PREDICTIONS_FILE,
            genes=self.task.dataset.genes,
            asked=self.task.test_conditions,
            modality=self.task.split.modality,
            target_sum=self.task.target_sum,
        )

    def scored_cells(self, record: RunRecord, protocol: Protocol) -> dict[str, csr_matrix]:
        """The very cells a finished run is scored on, by condition: (n, g) each; means are lifted."""
        from bench.scoring import scored_cells

        predictions, reference = self.predictions(record), self.reference(protocol)
        seed = self._scoring_seed(record)
        keys = [key for key in reference.truths if key in predictions.cells]
        return {key: scored_cells(predictions, reference, seed, key) for key in keys}

    def _scoring_seed(self, record: RunRecord) -> int:
        # The same draws for every method: two methods are compared on the same true cells and the same lifted controls.
        return derive_seed(data=self.task.split.seed, repetition=record.seed, axis="scoring")

    def reference(self, protocol: Protocol) -> Reference:
        """The task prepared for scoring under a protocol."""
        from bench.reference import build_reference

        if protocol.label not in self._references:
            self._references[protocol.label] = build_reference(self.held_out, protocol, device=self._device)
        return self._references[protocol.label]

    @cached_property
    def held_out(self) -> HeldOut:
        """The held-out cells and the folded controls."""
        return self.task.held_out()


def _oracle(task: Task) -> OracleCells | None:
    """Source of fresh true cells where the data set is simulated."""
    from bench.data.dataset import simulated_names

    name = task.dataset.name
    if name not in simulated_names():
        return None
    from bench.simulation import oracle_cells

    return lambda condition, n_cells, seed: oracle_cells(name, condition, n_cells, seed)
