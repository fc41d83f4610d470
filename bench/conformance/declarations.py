"""What a method's class declares: attributes, signatures, constructor. Nothing is run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from methods.base import Method, Output, Role
from methods.conditions import TaskKind

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_KEYWORDS: Mapping[str, Mapping[str, Any]] = {
    "fit": {"seed": 0, "device": "cpu", "progress": None},
    "predict": {"n_cells": 1, "seed": 0},
    "predict_many": {"n_cells": 1, "seed": 0},
}


@dataclass(frozen=True)
class Problem:
    """Something wrong with a declaration: where, what was expected, what came, what to change."""

    where: str
    expected: str
    found: str
    change: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}; {self.change}"


def declaration_problems(cls: type[Method]) -> list[Problem]:
    """What is wrong with a class's attributes, signatures and constructor; empty when all is well."""
    problems = [*_attributes(cls), *_constructor(cls), *_signatures(cls)]
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        problems.append(
            Problem(missing, "a definition", "none", f"define {missing}, or start a shared base's name with _")
        )
    return problems


def _attributes(cls: type[Method]) -> Iterator[Problem]:
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield Problem("name", "lower-case words joined by '-'", _shown(cls, "name"), 'write, say, name = "my-method"')
    tasks = getattr(cls, "tasks", None)
    if not isinstance(tasks, frozenset) or not tasks or not all(isinstance(kind, TaskKind) for kind in tasks):
        kinds = ", ".join(f"TaskKind.{kind.name}" for kind in TaskKind)
        yield Problem(
            "tasks",
            "a non-empty frozenset of TaskKind",
            _shown(cls, "tasks"),
            f"write, say, tasks = frozenset({{TaskKind.UNSEEN_GENE}}); there are {kinds}",
        )
    if cls.output not in get_args(Output):
        yield Problem("output", "'cells' or 'mean'", _shown(cls, "output"), 'write output = "cells" or output = "mean"')
    if cls.role not in get_args(Role):
        yield Problem("role", f"one of {get_args(Role)}", _shown(cls, "role"), "leave it out for a model")
    if cls.by_default not in (True, False):
        yield Problem("by_default", "True or False", _shown(cls, "by_default"), "leave it out to run it by default")
    if not (cls.environment is None or (isinstance(cls.environment, str) and cls.environment)):
        yield Problem(
            "environment", "None or a name", _shown(cls, "environment"), "leave it out to run in the main environment"
        )


def _constructor(cls: type[Method]) -> Iterator[Problem]:
    try:
        inspect.signature(cls).bind()
    except TypeError as error:
        yield Problem("__init__", "no required argument", str(error), "give every argument a default")


def _signatures(cls: type[Method]) -> Iterator[Problem]:
    for name, keywords in _KEYWORDS.items():
        signature = inspect.signature(getattr(cls, name))
        try:
            signature.bind(None, None, **keywords)
        except TypeError as error:
            wanted = ", ".join(inspect.signature(getattr(Method, name)).parameters)
            wanted = wanted.replace("seed", "*, seed", 1) if name == "fit" else wanted.replace("n_cells", "*, n_cells")
            yield Problem(name, f"{name}({wanted})", f"{name}{signature} ({error})", "take the same arguments")


def _shown(cls: type[Method], attribute: str) -> str:
    return repr(getattr(cls, attribute)) if hasattr(cls, attribute) else "nothing"
