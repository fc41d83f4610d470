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
    roots = (PROJECT, own.parent)
    package = cls.__module__.rpartition(".")[0] if own.is_relative_to(PROJECT) else ""
    sources = {"": own}
    pending = [(own, package)]
    while pending:
        for name in _imported_names(*pending.pop()):
            for module, file, parent in _project_files(name, roots):
                if module not in sources and file != own:
                    sources[module] = file
                    pending.append((file, parent))
    digest = hashlib.sha256()
    for module, file in sorted(sources.items()):
        digest.update(module.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


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


def _project_files(name: str, roots: Sequence[Path]) -> Iterator[tuple[str, Path, str]]:
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
