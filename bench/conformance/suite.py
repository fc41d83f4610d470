"""The checks, in the order in which they are reported."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.conformance.declarations import declaration_problems
from bench.conformance.findings import Finding
from bench.conformance.properties import failed, properties
from bench.conformance.scenes import Scene
from bench.conformance.trial import Broken, Trial, attempt, fingerprint
from bench.environments.environment import environment_problem
from methods.base import Method, Unsupported

TIME_LIMIT = 60.0  # seconds


def examine(cls: type[Method], scenes: Sequence[Scene]) -> list[Finding]:
    """Put a method through all checks; it is run in this process, in an empty working directory.

    Parameters
    ----------
    cls
        The method's class.
    scenes
        Tiny tasks; those of kinds the class does not declare are left out.

    Returns
    -------
    One finding per check. When a check fails on which others rest, those are left out.
    """
    findings = list(_declarations(cls))
    if any(finding.status == "failed" for finding in findings):
        return findings
    if cls.environment is None:
        return [*findings, *behaviour(cls, scenes)]
    problem = environment_problem(cls.environment)
    if problem is not None:
        return [*findings, _not_here(cls, problem)]
    from bench.conformance.elsewhere import examine_elsewhere

    return [*findings, *examine_elsewhere(cls, scenes)]


def behaviour(cls: type[Method], scenes: Sequence[Scene]) -> list[Finding]:
    """What a method does, in this process and an empty working directory."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        started = time.monotonic()
        findings = list(_behaviour(cls, [scene for scene in scenes if scene.train.kind in cls.tasks]))
        seconds = time.monotonic() - started
        findings.append(_nothing_written(Path(folder)))
    return [*findings, _in_time(seconds)]


def _declarations(cls: type[Method]) -> Iterator[Finding]:
    check = "class attributes, signatures and constructor"
    problems = declaration_problems(cls)
    for problem in problems:
        yield Finding(check, "failed", f"{problem.where}: {problem.expected}", problem.found, problem.change)
    if problems:
        return
    yield Finding(check, "ok")
    yield _settings(cls)
    yield _available(cls)


def _settings(cls: type[Method]) -> Finding:
    check = "configuration() is a mapping of JSON values"
    expected, change = "a dict that json.dumps accepts", "return numbers, strings, booleans, lists and dicts of them"
    try:
        settings = cls().configuration()
        json.dumps(dict(settings))
    except Exception as error:
        return Finding(check, "failed", expected, f"{type(error).__name__}: {error}", change)
    return Finding(check, "ok")


def _available(cls: type[Method]) -> Finding:
    check = "available here"
    try:
        reason = cls().unavailable()
    except Exception as error:
        return Finding(
            check, "failed", "None or a reason", f"{type(error).__name__}: {error}", "let unavailable() return a string"
        )
    if reason is None:
        return Finding(check, "ok")
    return Finding(check, "failed", "a method that can run here", f"unavailable: {reason}", "install what is missing")


def _not_here(cls: type[Method], problem: str) -> Finding:
    return Finding(
        "behaviour",
        "warning",
        "a method whose environment is built",
        f"environment = {cls.environment!r}: {problem}",
        "build it; only the declarations were checked",
    )


def _behaviour(cls: type[Method], scenes: Sequence[Scene]) -> Iterator[Finding]:
    cuda_before = _cuda_started()
    trials, findings = [], []
    for scene in scenes:
        trial, new = _play(cls, scene)
        findings += new
        if trial is not None:
            trials.append(trial)
            findings += _inputs_unchanged(trial)
    yield from findings
    if all(finding.status == "ok" for finding in findings):
        yield Finding("does without the optional resources", "ok")
        yield Finding("leaves its inputs unchanged", "ok")
        yield _mechanisms(cls, scenes, trials)
    if trials:
        yield from properties(cls, trials[0])
    yield _on_cpu(cuda_before)


def _play(cls: type[Method], scene: Scene) -> tuple[Trial | None, list[Finding]]:
    """Attempt a scene without prior knowledge, then with some that is made up; the trial if it predicted anything."""
    check = f"fits and predicts: {scene.name}"
    try:
        trial = attempt(cls, scene)
        if trial.answers:
            return trial, [Finding(check, "ok", found=_refusals(trial))]
        remark = _refusals(trial)
    except Unsupported as why:
        remark = f"refused: {why}"
    except Broken as problem:
        return _blame_resources(cls, scene, failed(check, problem))
    try:
        trial = attempt(cls, scene.with_resources())
    except Unsupported:
        return None, [Finding(check, "ok", found=remark)]
    except Broken as problem:
        return None, [failed(check, problem)]
    if not trial.answers:
        return None, [Finding(check, "ok", found=remark)]
    return trial, [Finding(check, "ok", found=f"with resources; without, {remark}")]


def _blame_resources(cls: type[Method], scene: Scene, failure: Finding) -> tuple[Trial | None, list[Finding]]:
    """The failure as it is, unless it goes away when there are resources."""
    try:
        trial = attempt(cls, scene.with_resources())
    except (Broken, Unsupported):
        return None, [failure]
    return trial if trial.answers else None, [
        Finding(
            f"does without the optional resources: {scene.name}",
            "failed",
            'a fit, or Unsupported("needs ..."), when a part of train.resources is None',
            failure.found,
            "look at train.resources.absent before using it",
        )
    ]


def _inputs_unchanged(trial: Trial) -> Iterator[Finding]:
    before, after = fingerprint(trial.scene), fingerprint(trial.handed)
    changed = [part for part, value in after.items() if before.get(part) != value]
    if changed:
        yield Finding(
            f"leaves its inputs unchanged: {trial.scene.name}",
            "failed",
            "train and query as they were handed over",
            f"changed: {', '.join(changed[:3])}" + (f" and {len(changed) - 3} more" if len(changed) > 3 else ""),
            "work on copies (adata.copy(), array.copy())",
        )


def _mechanisms(cls: type[Method], scenes: Sequence[Scene], trials: Sequence[Trial]) -> Finding:
    check = "has a mechanism for each task it declares"
    dumb = {scene.train.kind for scene in scenes} - {trial.scene.train.kind for trial in trials}
    if not dumb:
        return Finding(check, "ok")
    kinds = ", ".join(f"TaskKind.{kind.name}" for kind in sorted(dumb))
    return Finding(
        check,
        "failed",
        f"predictions for {kinds}, which {cls.__name__}.tasks declares",
        "every condition was refused",
        "take the kind out of tasks, or predict at least some of its conditions",
    )


def _nothing_written(folder: Path) -> Finding:
    check = "writes nothing into the working directory"
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    if not written:
        return Finding(check, "ok")
    return Finding(
        check, "failed", "no files", ", ".join(written[:5]), "write into tempfile.TemporaryDirectory(), or not at all"
    )


def _cuda_started() -> bool:
    torch = sys.modules.get("torch")
    return bool(torch and torch.cuda.is_initialized())


def _on_cpu(started_before: bool) -> Finding:
    check = 'stays on the device it is given ("cpu")'
    if _cuda_started() and not started_before:
        return Finding(check, "failed", "no use of a GPU", "CUDA was initialised", "put everything on `device`")
    return Finding(check, "ok")


def _in_time(seconds: float) -> Finding:
    check = "done in a minute"
    if seconds <= TIME_LIMIT:
        return Finding(check, "ok", found=f"{seconds:.1f} s")
    return Finding(
        check,
        "warning",
        f"{TIME_LIMIT:g} s for all checks",
        f"{seconds:.0f} s",
        "nothing; but tiny tasks should not take long",
    )


def _refusals(trial: Trial) -> str:
    if not trial.refusals:
        return ""
    key, why = next(iter(trial.refusals.items()))
    return f"refused {len(trial.refusals)} of {len(trial.scene.queries)}: {key} ({why})"
