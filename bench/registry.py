"""Finds methods: by name in the ``methods`` package, or in a file the user names.

A user's file is executed only because the user named it on the command line. Workers load their
method here too, so this module imports nothing heavy and nothing of the evaluator.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import json
import pkgutil
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import get_args

import methods
from bench.conformance.declarations import declaration_problems
from bench.environments.environment import environment_problem
from bench.errors import MethodError
from bench.method_settings import Setting, read_settings, shown_settings, split_settings
from bench.method_sources import method_source_hash
from methods.base import Method, Role
from methods.conditions import Condition

GROUPS: Mapping[str, tuple[Role, ...]] = {
    "all": get_args(Role),
    "baselines": ("baseline", "negative control"),
}
"""Names that stand for several built-in methods, by role."""
EVALUATOR_ROWS = ("technical duplicate", "control cells", "oracle")
"""Rows of a table that the evaluator makes itself."""


@dataclass(frozen=True)
class MethodEntry:
    """One method that can be run.

    Parameters
    ----------
    cls
        Its class.
    module
        Where a worker finds it: a module of ``methods``, or the absolute path of a user's file.
    configuration
        Its settings; JSON values.
    unavailable
        Why it cannot run here; ``None`` when it can.
    settings
        Arguments of its constructor that the user chose.
    """

    cls: type[Method]
    module: str
    configuration: Mapping[str, object]
    unavailable: str | None
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name on the command line, settings included."""
        return shown_settings(self.cls.name, self.settings)

    @property
    def summary(self) -> str:
        """First line of the class's docstring."""
        return (self.cls.__doc__ or "").strip().partition("\n")[0]

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """Displayed name, settings included; see :meth:`methods.base.Method.label`.

        Raises
        ------
        MethodError
            If it cannot stand in a table.
        """
        name = self.cls.name
        label = self.cls(**self.settings).label(conditions, supplied)
        if not isinstance(label, str) or not label.startswith(name):
            raise MethodError(f"{self.module}, class {self.cls.__name__}, label: {label!r} must begin with {name!r}")
        return shown_settings(label, self.settings)

    @cached_property
    def source_hash(self) -> str:
        """Hash of the source that decides its predictions."""
        return method_source_hash(self.cls)


def find_methods(names: Sequence[str]) -> list[MethodEntry]:
    """Methods by name or by path, in the order given; those that are run by default when nothing is named.

    Parameters
    ----------
    names
        Names of built-in methods and paths of Python files, either with settings in brackets; a file gives all its
        methods. ``all`` are the built-in methods, ``baselines`` those whose role is not to be a model.

    Raises
    ------
    MethodError
        If a name is unknown, a file cannot be loaded, a class breaks the contract's declarations or
        two methods have one name.
    """
    builtin = builtin_methods()
    if not names:
        return [entry for entry in builtin.values() if entry.cls.by_default]
    known, found = dict(builtin), dict[str, MethodEntry]()
    files: dict[str, list[MethodEntry]] = {}
    for name in dict.fromkeys(names):
        if name in GROUPS:
            found.update({key: entry for key, entry in builtin.items() if entry.cls.role in GROUPS[name]})
            continue
        if "[" in name and "]" not in name and not name.endswith(".py"):
            raise MethodError(f'{name!r}: the bracket is not closed; write "{name}]"')
        plain, texts = split_settings(name)
        if is_path(plain):
            if plain not in files:
                files[plain] = load_file(Path(plain))
                _add(known, files[plain])
            entries = files[plain]
        else:
            entries = [_builtin(plain, builtin)]
        if texts:
            entries = [_entry(entry.cls, entry.module, read_settings(entry.cls, texts)) for entry in entries]
        found.update({entry.name: entry for entry in entries})
    return list(found.values())


def find_ablations(name: str) -> list[MethodEntry]:
    """A method, and its variants as its class declares them.

    Raises
    ------
    MethodError
        If it declares none, or a variant cannot be constructed; see :func:`find_methods`.
    """
    whole = find_methods([name])[0]
    if not whole.cls.ablations:
        raise MethodError(f"--method: {whole.name} declares no ablations (class attribute `ablations`)")
    return [whole, *ablations_of(whole)]


def ablations_of(whole: MethodEntry) -> list[MethodEntry]:
    """The variants of a method that its class declares; none if it declares none."""
    return [_entry(whole.cls, whole.module, {**whole.settings, **variant}) for variant in whole.cls.ablations]


def is_path(name: str) -> bool:
    """Whether a ``--method`` value is a file rather than a method's name."""
    return name.endswith(".py") or "/" in name


def builtin_methods() -> dict[str, MethodEntry]:
    """Every method of the ``methods`` package, by name, sorted.

    Raises
    ------
    MethodError
        If a module fails on import or its class breaks the contract's declarations.
    """
    entries: dict[str, MethodEntry] = {}
    for info in pkgutil.iter_modules(methods.__path__, "methods."):
        try:
            module = importlib.import_module(info.name)
        except Exception as error:
            raise MethodError(
                f"{info.name}: import fails with {_described(error)}; import what it needs in `fit`"
            ) from error
        _add(entries, [_entry(cls, info.name) for cls in method_classes(module)])
    return dict(sorted(entries.items()))


def load_file(path: Path) -> list[MethodEntry]:
    """Methods of a Python file outside the package.

    Raises
    ------
    MethodError
        If the file is missing, fails on import, has no class that satisfies the contract's
        declarations, or one whose name is taken.
    """
    entries: dict[str, MethodEntry] = {}
    _add(entries, [_entry(cls, str(path.resolve())) for cls in file_classes(path)])
    for entry in entries.values():
        try:
            require_free_name(entry.name, path)
        except MethodError as error:
            raise MethodError(f"{entry.module}, class {entry.cls.__name__}, name: {error}") from error
    return list(entries.values())


def require_free_name(name: str, file: Path | None = None) -> None:
    """Refuse a name under which the tables have another row.

    Parameters
    ----------
    name
        What a method, or predictions made elsewhere, would be called.
    file
        Where the method of this name lies; a built-in one may have its own.

    Raises
    ------
    MethodError
        If it is that of a row of the evaluator or of a built-in method.
    """
    if name in EVALUATOR_ROWS:
        raise MethodError(f"{name!r} is also the name of a row that the evaluator makes; choose another")
    builtin = builtin_methods().get(name)
    if builtin is not None and (file is None or file.resolve() != Path(inspect.getfile(builtin.cls)).resolve()):
        raise MethodError(f"{name!r} is also the name of {builtin.cls.__name__} in {builtin.module}; rename one")


def file_classes(path: Path) -> list[type[Method]]:
    """Method classes of a file, as they are: nothing but their being there is checked.

    Raises
    ------
    MethodError
        If the file cannot be imported or defines no public subclass of ``Method``.
    """
    found = method_classes(import_file(path))
    if not found:
        raise MethodError(
            f"{path}: defines no method; write a public class that derives from methods.base.Method "
            "(a name that starts with an underscore is taken for a helper)"
        )
    return found


def method_classes(module: ModuleType) -> list[type[Method]]:
    """Public subclasses of ``Method`` that a module defines itself, in the order written."""
    classes = dict.fromkeys(value for value in vars(module).values() if inspect.isclass(value))
    own = [cls for cls in classes if cls.__module__ == module.__name__ and not cls.__name__.startswith("_")]
    return [cls for cls in own if issubclass(cls, Method) and cls is not Method]


def import_file(path: Path) -> ModuleType:
    """Import a Python file as a module of its own; modules beside it can be imported by it.

    Raises
    ------
    MethodError
        If the file is missing or fails on import; the message names the line.
    """
    path = path.resolve()
    if path.suffix != ".py" or not path.is_file():
        raise MethodError(f"{str(path)!r} is not a Python file; give the path of one, or a method's name")
    # A name of its own: `random.py` or `linear.py` must not displace the module of that name.
    name = f"method_file_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise MethodError(f"{path}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise MethodError(f"{path}, line {_line_in(path, error)}: import fails with {_described(error)}") from error
    return module


def _builtin(name: str, builtin: Mapping[str, MethodEntry]) -> MethodEntry:
    if name in builtin:
        return builtin[name]
    close = difflib.get_close_matches(name, builtin, n=3)
    hint = f" (closest: {', '.join(close)})" if close else ""
    raise MethodError(
        f"there is no method {name!r}{hint}. `python -m bench methods` lists them; "
        "a file of your own is named by its path, ending in .py"
    )


def _add(entries: dict[str, MethodEntry], new: Sequence[MethodEntry]) -> None:
    for entry in new:
        if entry.name in entries:
            other = entries[entry.name]
            raise MethodError(
                f"{entry.module}, class {entry.cls.__name__}, name: {entry.name!r} is also the name of "
                f"{other.cls.__name__} in {other.module}; rename one"
            )
        entries[entry.name] = entry


def _entry(cls: type[Method], module: str, settings: Mapping[str, Setting] | None = None) -> MethodEntry:
    where = f"{module}, class {cls.__name__}"
    for problem in declaration_problems(cls):
        raise MethodError(f"{where}, {problem}")
    try:
        method = cls(**(settings or {}))
        configuration = dict(method.configuration())
        unavailable = environment_problem(cls.environment) or method.unavailable()
    except Exception as error:
        if settings and module.startswith(f"{methods.__name__}."):
            raise MethodError(f"{shown_settings(cls.name, settings)}: {error}") from error
        line = _line_in(Path(inspect.getfile(cls)), error)
        raise MethodError(f"{where}, line {line}: cannot be constructed or asked: {_described(error)}") from error
    try:
        json.dumps(configuration)
    except (TypeError, ValueError) as error:
        raise MethodError(f"{where}, configuration(): {error}; return JSON values only") from error
    return MethodEntry(cls, module, configuration, unavailable, settings or {})


def _line_in(path: Path, error: BaseException) -> int | str:
    """Last line of the file that an error passed through."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == path:
        return error.lineno or "?"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return (lines[-1] if lines else None) or "?"


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
