"""Building an isolated environment: a virtual environment, and pip with the versions of the lock."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.atomic import write_text
from bench.environments.environment import RECORD_FILE, Environment, environments_dir
from bench.environments.inspect import inspect
from bench.errors import BenchError

PIP_LOG = "pip.log"
_REPEATED_LINES = 6  # of pip's output, in an error


class BuildError(BenchError):
    """An environment that cannot be built."""


def build(environment: Environment, python: Path | None = None) -> None:
    """Build an environment, or finish one whose installation broke off; one that is ready is left alone.

    It counts as ready only once everything is installed and imports.

    Parameters
    ----------
    python
        Interpreter to build it with; found on ``PATH`` when not given.

    Raises
    ------
    BuildError
        If the Python version is missing, pip cannot install a package, or a package does not import.
    """
    if environment.state == "ready":
        return
    with _alone(environment.folder) as held:
        interpreter = python or find_python(environment.lock.python)
        _require_version(interpreter, environment.lock.python)
        started = time.monotonic()
        environment.folder.mkdir(parents=True, exist_ok=True)
        _call(environment, [str(interpreter), "-m", "venv", str(environment.folder)], "the virtual environment", held)
        _install(environment, held)
        _add_stand_ins(environment)
        found = inspect(environment)
        for problem in found.problems(environment.lock):
            raise BuildError(f"environment {environment.lock.name!r}: {problem}; log: {environment.folder / PIP_LOG}")
        record = {
            "lock": environment.lock.digest,
            "python": found.python,
            "seconds": round(time.monotonic() - started, 1),
            "bytes": folder_size(environment.folder),
            "versions": found.versions,
        }
        write_text(environment.folder / RECORD_FILE, json.dumps(record, indent=1))


def remove(name: str) -> list[Path]:
    """Remove every environment of a name, those of older locks too; the folders that were removed.

    Raises
    ------
    BuildError
        If one is being built.
    """
    removed = folders_of(name)
    for folder in removed:
        with _alone(folder):
            # The record goes first: what is left of a removal that breaks off is not taken for an environment.
            (folder / RECORD_FILE).unlink(missing_ok=True)
            shutil.rmtree(folder)
    return removed


def folders_of(name: str) -> list[Path]:
    """Folders of a name's environments, older locks included."""
    return sorted(folder for folder in environments_dir().glob(f"{name}-{'[0-9a-f]' * 12}") if folder.is_dir())


def find_python(version: str) -> Path:
    """An interpreter of this minor version.

    Raises
    ------
    BuildError
        If there is none.
    """
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    found = shutil.which(f"python{version}")
    if found is None:
        raise BuildError(
            f"needs Python {version}, and there is no python{version} on PATH; install it, or name one with --python"
        )
    return Path(found)


def folder_size(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def _require_version(interpreter: Path, version: str) -> None:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"--python: {interpreter} does not run ({error})") from error
    if done.stdout.strip() != version:
        raise BuildError(f"--python: {interpreter} is Python {done.stdout.strip() or '?'}, the lock needs {version}")


def _install(environment: Environment, held: int) -> None:
    lock = environment.lock
    pip = [str(environment.python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    _call(environment, [*pip, *lock.packages], "its packages", held)
    if lock.without_dependencies:
        _call(environment, [*pip, "--no-deps", *lock.without_dependencies], "its packages", held)


def _add_stand_ins(environment: Environment) -> None:
    for module, source in environment.lock.stand_ins.items():
        write_text(environment.packages / f"{module}.py", source)


def _call(environment: Environment, argv: Sequence[str], what: str, held: int) -> None:
    """Run a command, its output in the log; what it installed stays, so that the next attempt goes on from it.

    Parameters
    ----------
    held
        Descriptor of the lock. The command has it too: if this process is killed, the environment stays held until
        the command ends.
    """
    log = environment.folder / PIP_LOG
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    with log.open("a", encoding="utf-8") as stream:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=variables, pass_fds=(held,)
        )
    if done.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line for line in lines if line.strip() and not line.startswith("WARNING")][-_REPEATED_LINES:]
        raise BuildError(
            f"environment {environment.lock.name!r}: {what} could not be installed; is there a network? It ended with\n"
            + "".join(f"    {line}\n" for line in told)
            + f"  whole log: {log}. What was installed is kept: the same command goes on from there"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Hold an environment's folder; yields the lock's descriptor.

    The kernel lets go when this process and those that were given the descriptor end, however they end.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            name = folder.name.rpartition("-")[0]
            raise BuildError(f"environment {name!r} is being built by another process; wait for it") from error
        yield stream.fileno()
