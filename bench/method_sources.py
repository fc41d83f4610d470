"""Hash of the source code that decides a method's predictions."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.paths import PROJECT
from methods.base import Method


def method_source_hash(cls: type[Method]) -> str:
    """SHA-256 over the source of a method's module and of all modules it imports from this project.

    Modules beside a user's file count as well; installed packages are told apart by their versions.
    Imports are followed where they are written, inside functions too. The method's own file counts
    by its content, wherever it lies.
    """
    own = Path(inspect.getfile(cls)).resolve()
    package = cls.__module__.rpartition(".")[0] if own.is_relative_to(PROJECT) else ""
    digest = hashlib.sha256(own.read_bytes())
    for module, file in sorted(imported_files(own, package, (PROJECT, own.parent)).items()):
        digest.update(b"\0" + module.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def imported_files(file: Path, package: str, roots: Sequence[Path]) -> dict[str, Path]:
    """Module -> file of all that a Python file imports, directly or not, as far as it lies under the roots.

    Parameters
    ----------
    file
        Where to start; it is not part of the answer.
    package
        Package it belongs to, for its relative imports; ``""`` for none.
    roots
        Folders in which top-level modules and packages lie.
    """
    found: dict[str, Path] = {}
    pending = [(file, package)]
    while pending:
        for name in _imported_names(*pending.pop()):
            for module, imported, its_package in _files(name, roots):
                if module not in found and imported != file:
                    found[module] = imported
                    pending.append((imported, its_package))
    return found


def _imported_names(file: Path, package: str) -> Iterator[str]:
    """Dotted names that a file imports; for ``from a import b`` both ``a`` and ``a.b``, b may be a module."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".") if node.level else []
            parents = above[: len(above) - node.level + 1]
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _files(name: str, roots: Sequence[Path]) -> Iterator[tuple[str, Path, str]]:
    """Module, file and package of a dotted name and of the packages it lies in, as far as they are files here."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        module = ".".join(parts[:depth])
        for root in roots:
            stem = root.joinpath(*parts[:depth])
            if stem.with_suffix(".py").is_file():
                yield module, stem.with_suffix(".py"), ".".join(parts[: depth - 1])
            elif (stem / "__init__.py").is_file():
                yield module, stem / "__init__.py", module
