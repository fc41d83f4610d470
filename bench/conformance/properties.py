"""What must hold of a method on any task, checked on one it has predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from bench.conformance.findings import Finding
from bench.conformance.trial import (
    N_CELLS,
    PREDICT_SEED,
    Broken,
    Trial,
    ask,
    attempt,
    checked,
    failures_explained,
    global_random_state,
)
from methods.base import Method, Query, Unsupported, condition_seed
from methods.conditions import Condition

_MANY_CELLS = 400  # more than any scene has of one condition
_RELATIVE, _ABSOLUTE = 1e-4, 1e-5  # what floating-point summation in another order may change
_LIBRARY_RATIO = 20.0


def properties(cls: type[Method], trial: Trial) -> Iterator[Finding]:
    """Check one finding after the other; what the method breaks becomes a finding."""
    yield _logarithmic(trial)
    yield _tells_conditions_apart(trial)
    checks: Mapping[str, Callable[[], Finding]] = {
        "predicts one cell and many": lambda: _cell_numbers(trial),
        "same seed, same prediction": lambda: _reproducible(cls, trial),
        "the order of the conditions does not matter": lambda: _order(trial),
        "predict_many agrees with predict": lambda: _many_as_one(trial),
        "genes follow the order of the panel": lambda: _panel_order(cls, trial),
        "refuses what it has no mechanism for": lambda: _refuses(trial),
    }
    for check, function in checks.items():
        try:
            yield function()
        except Broken as problem:
            yield failed(check, problem)
        except Unsupported as why:
            yield Finding(
                check,
                "failed",
                "the same answer as the first time this task was asked",
                f"Unsupported: {why}",
                "refuse a condition always or never",
            )


def failed(check: str, problem: Broken) -> Finding:
    """The finding of a broken contract."""
    return Finding(check, "failed", problem.expected, f"in {problem.stage}: {problem.found}", problem.change)


def _logarithmic(trial: Trial) -> Finding:
    check = "predictions are log-normalised"
    values = np.concatenate(list(trial.answers.values()))
    if values.any() and np.array_equal(values, np.round(values)):
        return Finding(
            check,
            "failed",
            f"log1p of counts per {trial.scene.train.target_sum:g}",
            f"whole numbers up to {values.max():g}: counts",
            "normalise each cell to target_sum and take log1p",
        )
    ratio = _library(values) / _library(trial.scene.train.adata.X.toarray())
    if not 1 / _LIBRARY_RATIO < ratio < _LIBRARY_RATIO:
        return Finding(
            check,
            "warning",
            "cells whose counts (expm1) add up to about as much as the training cells'",
            f"{ratio:.3g} times as much",
            "check the scale: log1p once, of counts per target_sum",
        )
    return Finding(check, "ok")


def _library(log_values: np.ndarray) -> float:
    return float(np.median(np.expm1(log_values.astype(np.float64)).sum(axis=1)))


def _tells_conditions_apart(trial: Trial) -> Finding:
    check = "predictions differ between conditions"
    answers = list(trial.answers.values())
    if len(answers) > 1 and all(np.array_equal(answer, answers[0]) for answer in answers[1:]):
        return Finding(
            check,
            "warning",
            "another prediction for another condition",
            f"the same for all {len(answers)} conditions of {trial.scene.name!r}",
            "nothing, if the method is meant to ignore the condition",
        )
    return Finding(check, "ok")


def _cell_numbers(trial: Trial) -> Finding:
    query = trial.answered[0]
    for n_cells in (1, _MANY_CELLS):
        with failures_explained(type(trial.method), "predict", f"{n_cells} cells when n_cells = {n_cells}"):
            answer = trial.method.predict(query, n_cells=n_cells, seed=PREDICT_SEED)
        checked(answer, query, trial.method, trial.scene.train, n_cells)
    return Finding("predicts one cell and many", "ok")


def _reproducible(cls: type[Method], trial: Trial) -> Finding:
    check = "same seed, same prediction"
    again = attempt(cls, trial.scene, global_seed=12345)
    if _agree(trial.answers, again.answers):
        return Finding(check, "ok")
    same_state = attempt(cls, trial.scene)
    if _agree(trial.answers, same_state.answers):
        return Finding(
            check,
            "failed",
            "predictions that depend on the seeds of fit and predict alone",
            "they change with the global state of random, numpy.random or torch",
            "draw from np.random.default_rng(seed), or torch.Generator().manual_seed(seed), made in fit and in predict",
        )
    return Finding(
        check,
        "failed",
        "the same predictions from the same data and seeds",
        f"two fits with one seed differ by up to {_distance(trial.answers, same_state.answers):.3g}",
        "seed every source of randomness; beware of sets and hashes, whose order varies",
    )


def _order(trial: Trial) -> Finding:
    check = "the order of the conditions does not matter"
    with global_random_state(0):
        answers, _ = ask(trial.method, trial.scene.queries[::-1], trial.scene.train)
    if _agree(trial.answers, answers):
        return Finding(check, "ok")
    return Finding(
        check,
        "failed",
        "a condition's prediction to be the same whichever others are asked for, and when",
        f"asked in reverse, predictions differ by up to {_distance(trial.answers, answers):.3g}",
        "keep no state between calls of predict; seed each with the seed it is given",
    )


def _many_as_one(trial: Trial) -> Finding:
    check = "predict_many agrees with predict"
    answers = {}
    for query in trial.answered:
        seed = condition_seed(PREDICT_SEED, query.condition)
        with failures_explained(type(trial.method), "predict", "predict answers what predict_many answers"):
            answer = trial.method.predict(query, n_cells=N_CELLS, seed=seed)
        answers[query.condition.key] = checked(answer, query, trial.method, trial.scene.train, N_CELLS)
    if _agree(trial.answers, answers):
        return Finding(check, "ok")
    return Finding(
        check,
        "failed",
        "predict_many to give what predict gives with seed = condition_seed(seed, query.condition)",
        f"they differ by up to {_distance(trial.answers, answers):.3g}",
        "draw each condition's random numbers from its own condition_seed, also in a batch",
    )


def _panel_order(cls: type[Method], trial: Trial) -> Finding:
    check = "genes follow the order of the panel"
    order = np.random.default_rng(0).permutation(len(trial.scene.train.genes))
    shuffled = attempt(cls, trial.scene.with_genes(order))
    expected = {key: answer[:, order] for key, answer in trial.answers.items()}
    if _agree(expected, shuffled.answers):
        return Finding(check, "ok")
    follows = _mean_distance(expected, shuffled.answers)
    ignores = _mean_distance(trial.answers, shuffled.answers)
    if ignores < follows:
        return Finding(
            check,
            "failed",
            "column j of a prediction to be gene train.genes[j], whatever the order of the panel",
            "with a shuffled panel the columns come in another order than the panel's",
            "order the columns by train.genes before returning",
        )
    if _agree(trial.answers, attempt(cls, trial.scene, seed=7, predict_seed=8).answers):
        return Finding(
            check,
            "warning",
            "the same prediction for each gene, whatever the order of the panel",
            f"with a shuffled panel means move by {follows:.3g} (root mean square)",
            "nothing, if the method is meant to depend on the order of genes",
        )
    return Finding(check, "ok", found="up to its randomness")


def _refuses(trial: Trial) -> Finding:
    check = "refuses what it has no mechanism for"
    for what, query in _odd_queries(trial).items():
        with failures_explained(
            type(trial.method), "predict", f"Unsupported, or a valid prediction, when asked for {what}"
        ):
            try:
                answer = trial.method.predict(query, n_cells=N_CELLS, seed=PREDICT_SEED)
            except Unsupported:
                continue
        checked(answer, query, trial.method, trial.scene.train, N_CELLS)
    return Finding(check, "ok")


def _odd_queries(trial: Trial) -> dict[str, Query]:
    query = trial.answered[0]
    asked = query.condition
    never_seen = Condition(("NEVERSEEN",), asked.cell_type, asked.dose, asked.modality)
    nowhere = Condition(asked.perturbations, "nowhere", asked.dose, asked.modality, asked.smiles)
    what = "a gene that is not in the panel" if asked.modality == "gene" else "a drug without a structure"
    return {
        what: Query(never_seen, query.controls),
        "a cell type without control cells": Query(nowhere, query.controls[:0].copy()),
    }


def _agree(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.allclose(one[key], other[key], _RELATIVE, _ABSOLUTE) for key in one)


def _distance(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    shared = one.keys() & other.keys()
    return max((float(np.abs(one[key] - other[key]).max()) for key in shared), default=np.inf)


def _mean_distance(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    shared = one.keys() & other.keys()
    squares = [np.mean((one[key].mean(axis=0) - other[key].mean(axis=0)) ** 2) for key in shared]
    return float(np.sqrt(np.mean(squares))) if squares else np.inf
