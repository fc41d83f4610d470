"""Asking an environment what it holds: versions, and whether what is needed imports."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.environments.environment import Environment
from bench.environments.isolation import isolated_variables
from bench.environments.lock import Lock
from bench.errors import BenchError

_WORKER = "bench.worker"
_CODE = """
import importlib, importlib.metadata, json, platform, re, sys
# Before anything is imported: setuptools puts its own copies of packages on the path.
versions = {re.sub("[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in importlib.metadata.distributions()}
failed = {}
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{type(error).__name__}: {error}"
with open(sys.argv[1], "w") as stream:
    json.dump({"python": platform.python_version(), "failed": failed, "versions": versions}, stream)
"""


class InspectionError(BenchError):
    """An environment whose interpreter does not run."""


@dataclass(frozen=True)
class Contents:
    """What an environment holds.

    Parameters
    ----------
    python
        Version of its interpreter.
    versions
        Distribution (lower case, ``-``) -> version.
    failed
        Module that does not import -> why.
    """

    python: str
    versions: Mapping[str, str]
    failed: Mapping[str, str]

    def problems(self, lock: Lock) -> Iterator[str]:
        """What differs from the lock, and what does not import."""
        for name, version in lock.versions.items():
            found = self.versions.get(name.replace("_", "-").replace(".", "-").lower())
            # A local label (2.13.0+cpu) tells how a release was built; it counts where the lock names one.
            if found is None or version not in (found, found.partition("+")[0]):
                yield f"{name} is {found or 'absent'}, the lock says {version}"
        for module, why in self.failed.items():
            yield f"`import {module}` fails with {why}"


def inspect(environment: Environment) -> Contents:
    """Import, in the environment, the worker and what its lock names, and list its versions.

    Raises
    ------
    InspectionError
        If its interpreter does not run.
    """
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "answer.json"
        argv = [str(environment.python), "-c", _CODE, str(answer), _WORKER, *environment.lock.imports]
        variables = os.environ | isolated_variables(Path(scratch) / "imports")
        try:
            done = subprocess.run(argv, cwd=scratch, env=variables, capture_output=True, text=True)
        except OSError as error:
            raise InspectionError(f"{_broken(environment)} ({error}); {_remedy(environment)}") from error
        if not answer.is_file():
            raise InspectionError(f"{_broken(environment)}; {_remedy(environment)}\n{done.stderr[-800:]}")
        content = json.loads(answer.read_text(encoding="utf-8"))
    return Contents(content["python"], content["versions"], content["failed"])


def _broken(environment: Environment) -> str:
    return f"environment {environment.lock.name!r}: {environment.python} does not run"


def _remedy(environment: Environment) -> str:
    name = environment.lock.name
    return f"`python -m bench env remove {name}`, then `python -m bench env create {name}`"
