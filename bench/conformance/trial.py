"""One attempt at one scene: fit, predict, check every prediction against the contract."""

from __future__ import annotations

import hashlib
import inspect
import random
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.conformance.scenes import Scene
from methods.base import Method, Query, TrainingData, Unsupported
from methods.checks import ContractViolation, check_prediction

if TYPE_CHECKING:
    from anndata import AnnData

N_CELLS = 6
PREDICT_SEED = 1


class Broken(Exception):
    """The method did something the contract forbids."""

    def __init__(self, stage: str, expected: str, found: str, change: str) -> None:
        super().__init__(found)
        self.stage = stage
        self.expected = expected
        self.found = found
        self.change = change


@dataclass(frozen=True)
class Trial:
    """A fitted method and what it answered.

    Parameters
    ----------
    scene
        The task.
    handed
        The copy of it that the method was handed.
    method
        The fitted instance.
    answers
        Condition key -> prediction, (n_cells, n_genes).
    refusals
        Condition key -> why the method has no mechanism for it.
    """

    scene: Scene
    handed: Scene
    method: Method
    answers: Mapping[str, np.ndarray]
    refusals: Mapping[str, str]

    @property
    def answered(self) -> tuple[Query, ...]:
        """Queries that the method predicted."""
        return tuple(query for query in self.scene.queries if query.condition.key in self.answers)


def attempt(
    cls: type[Method],
    scene: Scene,
    *,
    seed: int = 0,
    predict_seed: int = PREDICT_SEED,
    global_seed: int = 0,
) -> Trial:
    """Fit a new instance on a copy of the scene and ask for all its conditions.

    Parameters
    ----------
    global_seed
        State that the global random generators of Python, numpy and torch are put in before.

    Raises
    ------
    Broken
        If the method fails or a prediction breaks the contract.
    Unsupported
        If the method refuses the task.
    """
    handed = scene.copy()
    with global_random_state(global_seed):
        method = fitted(cls, handed.train, seed=seed)
        answers, refusals = ask(method, handed.queries, handed.train, seed=predict_seed)
    return Trial(scene, handed, method, answers, refusals)


def fitted(cls: type[Method], train: TrainingData, *, seed: int = 0) -> Method:
    """A new instance, fitted on the CPU."""
    method = cls()
    with failures_explained(cls, "fit", "fit returns, or raises Unsupported where it has no mechanism for the task"):
        method.fit(train, seed=seed, device="cpu", progress=_ignored)
    return method


def ask(
    method: Method, queries: tuple[Query, ...], train: TrainingData, *, seed: int = PREDICT_SEED
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Predictions and refusals of ``predict_many``, each checked against the contract."""
    answers: dict[str, np.ndarray] = {}
    refusals: dict[str, str] = {}
    with failures_explained(
        type(method), "predict", "predict returns an array, or raises Unsupported where it has no mechanism"
    ):
        for query, answer in method.predict_many(queries, n_cells=N_CELLS, seed=seed):
            key = query.condition.key
            if isinstance(answer, Unsupported):
                refusals[key] = str(answer)
            else:
                answers[key] = checked(answer, query, method, train, N_CELLS)
    asked = [query.condition.key for query in queries]
    if sorted([*answers, *refusals]) != sorted(asked):
        raise Broken(
            "predict",
            f"predict_many yields each of the {len(asked)} queries once",
            f"{len(answers) + len(refusals)} different ones: {', '.join([*answers, *refusals]) or 'nothing'}",
            "yield (query, prediction) or (query, Unsupported) for every query",
        )
    return answers, refusals


def checked(prediction: object, query: Query, method: Method, train: TrainingData, n_cells: int) -> np.ndarray:
    """The prediction, if it satisfies the contract."""
    try:
        return check_prediction(
            prediction,
            condition=query.condition.key,
            n_cells=n_cells,
            n_genes=len(train.genes),
            output=method.output,
            target_sum=train.target_sum,
        ).copy()
    except ContractViolation as violation:
        raise Broken(
            "predict",
            f"(n_cells, n_genes) finite log-normalised {'cells >= 0' if method.output == 'cells' else 'means'}",
            str(violation),
            f"mend what {type(method).__name__}.predict returns",
        ) from violation


@contextmanager
def failures_explained(cls: type[Method], stage: str, expected: str) -> Iterator[None]:
    """Turn whatever the method's code raises, but for ``Unsupported``, into a ``Broken`` that names the line."""
    try:
        yield
    except (Broken, Unsupported):
        raise
    except (Exception, SystemExit) as error:
        file = Path(inspect.getfile(cls))
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename) == file] or frames
        where = f"{Path(own[-1].filename).name}, line {own[-1].lineno}"
        raise Broken(
            stage,
            expected,
            f"{type(error).__name__}: {error} ({where})",
            "mend that line; where the method cannot know the answer, raise methods.base.Unsupported with the reason",
        ) from error


@contextmanager
def global_random_state(seed: int) -> Iterator[None]:
    """Put the global random generators into a known state, and back afterwards."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global state itself is meant
    torch = sys.modules.get("torch")
    torch_state = torch.get_rng_state() if torch else None
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    if torch:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        if torch and torch_state is not None:
            torch.set_rng_state(torch_state)


def fingerprint(scene: Scene) -> dict[str, str]:
    """Hash of every part of what a method is handed."""
    parts = {f"train.adata.{part}": value for part, value in _adata_parts(scene.train.adata).items()}
    for query in scene.queries:
        controls = _adata_parts(query.controls)
        parts |= {f"query.controls.{part} of {query.condition.key}": value for part, value in controls.items()}
    resources = scene.train.resources
    frames: dict[str, pd.DataFrame | None] = {
        f"gene_graphs[{name!r}]": graph for name, graph in resources.gene_graphs.items()
    }
    frames |= {"gene_vectors": resources.gene_vectors, "drug_vectors": resources.drug_vectors}
    for name, frame in frames.items():
        if frame is not None:
            parts[f"train.resources.{name}"] = _frame_hash(frame)
    parts["train.conditions"] = repr(scene.train.conditions)
    return parts


def _adata_parts(adata: AnnData) -> dict[str, str]:
    parts = {"X": _matrix_hash(adata.X), "obs": _frame_hash(adata.obs), "var": _frame_hash(adata.var)}
    for slot in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
        parts[slot] = ", ".join(sorted(getattr(adata, slot)))
    for name, layer in adata.layers.items():
        parts[f"layers[{name!r}]"] = _matrix_hash(layer)
    return parts


def _matrix_hash(matrix: object) -> str:
    digest = hashlib.sha256()
    for part in ("data", "indices", "indptr"):
        values = np.ascontiguousarray(getattr(matrix, part))
        digest.update(str(values.dtype).encode() + values.tobytes())
    return digest.hexdigest()


def _frame_hash(frame: pd.DataFrame) -> str:
    rows = pd.util.hash_pandas_object(frame, index=True).to_numpy().tobytes()
    return hashlib.sha256(repr(list(frame.columns)).encode() + rows).hexdigest()


def _ignored(step: int, total: int, **figures: float) -> None:
    """Progress nobody watches."""
