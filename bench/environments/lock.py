"""Lock files: which Python and which versions an isolated environment is made of."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError

LOCKS = Path(__file__).parent / "locks"
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+")


class LockError(BenchError):
    """A lock file that is not there or cannot be read."""


@dataclass(frozen=True)
class Lock:
    """What an environment is made of.

    Parameters
    ----------
    name
        Name of the environment; that of the file.
    python
        Major and minor version: ``3.11``.
    packages
        Pinned requirements, ``name==version``, installed together.
    without_dependencies
        Pinned requirements installed after them, their declared dependencies not looked at.
    imports
        Modules that must import there.
    digest
        SHA-256 of the file's content: a changed lock is another environment.
    stand_ins
        Module -> source of it, for modules that a package imports without need and not every Python has. Python's
        own come before them.
    """

    name: str
    python: str
    packages: tuple[str, ...]
    without_dependencies: tuple[str, ...]
    imports: tuple[str, ...]
    digest: str
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, str]:
        """Distribution -> version, of everything pinned."""
        return dict(_split(requirement) for requirement in (*self.packages, *self.without_dependencies))


def lock_names(folder: Path = LOCKS) -> tuple[str, ...]:
    """Names of all environments there is a lock for."""
    return tuple(sorted(file.stem for file in folder.glob("*.toml")))


def read_lock(name: str, folder: Path = LOCKS) -> Lock:
    """Read the lock of an environment.

    Raises
    ------
    LockError
        If there is none, or it lacks a field or holds a requirement without an exact version.
    """
    file = folder / f"{name}.toml"
    if name not in lock_names(folder):
        known = lock_names(folder)
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
        raise LockError(
            f"there is no environment {name!r} (closest: {', '.join(close)}); one is added by a lock file {file}"
        )
    content = file.read_bytes()
    try:
        fields = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LockError(f"{file}: not TOML ({error})") from error
    unknown = fields.keys() - {"python", "packages", "without_dependencies", "imports", "stand_ins"}
    if unknown:
        raise LockError(f"{file}: unknown field {sorted(unknown)[0]!r}")
    return Lock(
        name=name,
        python=_python(fields, file),
        packages=_requirements(fields, "packages", file),
        without_dependencies=_requirements(fields, "without_dependencies", file),
        imports=_strings(fields, "imports", file),
        digest=hashlib.sha256(content).hexdigest(),
        stand_ins=_modules(fields, "stand_ins", file),
    )


def _python(fields: Mapping[str, object], file: Path) -> str:
    version = fields.get("python")
    if not isinstance(version, str) or not re.fullmatch(r"3\.\d+", version):
        raise LockError(f"{file}, python: {version!r} is not a version such as '3.11'")
    return version


def _strings(fields: Mapping[str, object], field: str, file: Path) -> tuple[str, ...]:
    values = fields.get(field, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise LockError(f"{file}, {field}: {values!r} is not a list of strings")
    return tuple(values)


def _modules(fields: Mapping[str, object], field: str, file: Path) -> dict[str, str]:
    modules = fields.get(field, {})
    if not isinstance(modules, dict) or not all(isinstance(source, str) for source in modules.values()):
        raise LockError(f"{file}, {field}: {modules!r} is not a table of module names with their sources")
    for name in modules:
        if not name.isidentifier():
            raise LockError(f"{file}, {field}: {name!r} is not the name of a module")
    return dict(modules)


def _requirements(fields: Mapping[str, object], field: str, file: Path) -> tuple[str, ...]:
    requirements = _strings(fields, field, file)
    for requirement in requirements:
        if not _PINNED.fullmatch(requirement):
            raise LockError(f"{file}, {field}: {requirement!r} has no exact version; write name==version")
    return requirements


def _split(requirement: str) -> tuple[str, str]:
    name, _, version = requirement.partition("==")
    return name, version
