"""Where an isolated environment lies, and what state it is in. Needs the standard library alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.environments.lock import Lock, LockError, read_lock
from bench.paths import cache_dir

FOLDER_VARIABLE = "DOLORIS_BENCH_ENVIRONMENTS"
RECORD_FILE = "environment.json"
RECORD_FIELDS = frozenset({"lock", "python", "seconds", "bytes", "versions"})
State = Literal["ready", "unfinished", "absent"]


def environments_dir() -> Path:
    """Folder of all isolated environments: ``$DOLORIS_BENCH_ENVIRONMENTS``, else ``environments`` in the cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    return (Path(named).expanduser() if named else cache_dir() / "environments").absolute()


@dataclass(frozen=True)
class Environment:
    """One environment of one lock on this machine."""

    lock: Lock

    @property
    def folder(self) -> Path:
        """Where it lies; a changed lock has another folder."""
        return environments_dir() / f"{self.lock.name}-{self.lock.digest[:12]}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where its packages lie."""
        return self.folder / "lib" / f"python{self.lock.python}" / "site-packages"

    @property
    def state(self) -> State:
        """``ready`` once everything is installed; ``unfinished`` where an installation broke off."""
        if self.record and self.python.exists():
            return "ready"
        return "unfinished" if self.folder.exists() else "absent"

    @property
    def record(self) -> dict[str, Any]:
        """What was said when it was built, :data:`RECORD_FIELDS`; empty while it is not ready, or when damaged."""
        try:
            content = json.loads((self.folder / RECORD_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) and content.keys() >= RECORD_FIELDS else {}


def get_environment(name: str) -> Environment:
    """The environment of a lock.

    Raises
    ------
    LockError
        If there is no such lock.
    """
    return Environment(read_lock(name))


def environment_problem(name: str | None) -> str | None:
    """Why methods of this environment cannot run here, with the remedy; ``None`` when they can."""
    if name is None:
        return None
    try:
        environment = get_environment(name)
    except LockError as error:
        return str(error)
    if environment.state == "ready":
        return None
    what = "is not built" if environment.state == "absent" else "is half built"
    return f"environment {name!r} {what}; `python -m bench env create {name}`"
