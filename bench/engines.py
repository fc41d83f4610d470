"""Where worker processes run: on this machine, under Slurm, on a Ray cluster.

An engine executes commands and says how each ended, in the order they end. What a command does
and where it writes is the same on all of them.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.errors import BenchError

PARENT_VARIABLE = "DOLORIS_BENCH_PARENT"
TEMPORARY_PREFIX = "doloris-bench."
"""Of the temporary folder of a worker; the number of the process that started it follows."""
_GLANCE = 0.5  # seconds between two looks at a running process


class EngineError(BenchError):
    """An engine that is not there or was given options it does not have."""


@dataclass(frozen=True)
class Command:
    """One worker process.

    Parameters
    ----------
    key
        Key of the run.
    argv
        Program and arguments.
    folder
        Working directory.
    log
        File that receives both output streams.
    environment
        Variables added to the current ones.
    time_limit
        Seconds before it is ended; ``None`` for no limit.
    memory_limit
        Bytes of resident memory, child processes included, beyond which it is ended; ``None`` for no limit.
    """

    key: str
    argv: tuple[str, ...]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    time_limit: float | None = None
    memory_limit: int | None = None


@dataclass(frozen=True)
class Ending:
    """How a worker ended: ``None`` when by itself, else a sentence that says what ended it."""

    key: str
    problem: str | None


class Engine(Protocol):
    """Executes commands."""

    def run(self, commands: Sequence[Command]) -> Iterator[Ending | None]:
        """Execute all commands; yield an ending as each ends, and ``None`` a few times a second between."""


def execute(command: Command, extra: Mapping[str, str] | None = None, stopped: threading.Event | None = None) -> Ending:
    """Run one command in this process's place in the engine and wait for it.

    Parameters
    ----------
    extra
        Variables beside the command's own.
    stopped
        Ends the process when set.
    """
    command.folder.mkdir(parents=True, exist_ok=True)
    # Not in the command's folder: multiprocessing puts sockets there, whose paths may have 107 characters.
    temporary = tempfile.TemporaryDirectory(prefix=f"{TEMPORARY_PREFIX}{os.getpid()}.", ignore_cleanup_errors=True)
    with temporary, command.log.open("ab") as log:
        # The worker ends itself when this process is gone; told who it is, it notices even while it still starts.
        own = {PARENT_VARIABLE: str(os.getpid()), "TMPDIR": temporary.name}
        try:
            process = subprocess.Popen(
                command.argv,
                cwd=command.folder,
                env=os.environ | dict(command.environment) | dict(extra or {}) | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a process group of its own, by which all that it starts can be ended
            )
        except OSError as error:
            return Ending(command.key, f"the process could not be started ({error})")
        try:
            problem = _watch(process, command, stopped or threading.Event())
        finally:
            _end(process)
    if problem is not None:
        return Ending(command.key, problem)
    code = process.returncode
    if code < 0:
        return Ending(
            command.key, f"the process was killed by signal {-code}" + (" (out of memory?)" if code == -9 else "")
        )
    return Ending(command.key, None if code == 0 else f"the process ended with exit code {code}")


def _watch(process: subprocess.Popen[bytes], command: Command, stopped: threading.Event) -> str | None:
    """Wait for a process; the sentence that says why it must end, ``None`` when it ended by itself."""
    started = time.monotonic()
    glance = _GLANCE if command.time_limit is None else min(_GLANCE, command.time_limit)
    while True:
        try:
            process.wait(timeout=glance)
        except subprocess.TimeoutExpired:
            if stopped.is_set():
                return "ended: the run was interrupted"
            if command.time_limit is not None and time.monotonic() - started >= command.time_limit:
                return f"ended after the time limit of {command.time_limit:g} s"
            if command.memory_limit is not None and (used := _memory(process.pid)) > command.memory_limit:
                limit = command.memory_limit / 2**30
                return f"ended at {used / 2**30:.2f} GiB, beyond the memory limit of {limit:g} GiB"
        else:
            return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, and what it started, also where it has ended by itself."""
    import psutil

    children = []
    if process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
    with suppress(ProcessLookupError, PermissionError):  # nothing is left of its group, or dead processes alone
        os.killpg(process.pid, signal.SIGKILL)


def _memory(pid: int) -> int:
    """Resident bytes of a process and its children; 0 once it is gone."""
    import psutil

    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for one in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += int(one.memory_info().rss)
    return total


class LocalEngine:
    """One process per device on this machine; on several GPUs, each process sees one of them."""

    def __init__(self, devices: Sequence[str]) -> None:
        self._devices = tuple(devices)

    def run(self, commands: Sequence[Command]) -> Iterator[Ending | None]:
        """Execute commands, as many at a time as there are devices."""
        free: queue.SimpleQueue[str] = queue.SimpleQueue()
        for device in self._devices:
            free.put(device)
        stopped = threading.Event()

        def on_free_device(command: Command) -> Ending:
            device = free.get()
            try:
                if stopped.is_set():
                    return Ending(command.key, "not started: the run was interrupted")
                return execute(command, self._pinned(device), stopped)
            finally:
                free.put(device)

        with ThreadPoolExecutor(max_workers=len(self._devices)) as pool:
            waiting: set[Future[Ending]] = {pool.submit(on_free_device, command) for command in commands}
            try:
                while waiting:
                    ended, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in ended:
                        yield future.result()
                    yield None
            finally:
                stopped.set()
                for future in waiting:
                    future.cancel()

    def _pinned(self, device: str) -> dict[str, str]:
        if device.startswith("cuda:"):
            number = device.removeprefix("cuda:")
            # GPUs are counted among those that this process sees.
            visible = os.environ.get("CUDA_VISIBLE_DEVICES")
            return {"CUDA_VISIBLE_DEVICES": visible.split(",")[int(number)].strip() if visible else number}
        # one number for all: libraries that disagree about it wait for each other's threads
        threads = os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // len(self._devices))))
        return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)


class SlurmEngine:
    """One Slurm job per run, through submitit; options are submitit's (``slurm_partition=gpu``)."""

    def __init__(self, folder: Path, options: Mapping[str, str]) -> None:
        try:
            import submitit
        except ImportError as error:
            raise EngineError("--engine slurm: needs submitit; `pip install 'doloris-bench[slurm]'`") from error
        named: dict[str, Any] = {name: int(value) if value.isdigit() else value for name, value in options.items()}
        # without a cluster submitit would quietly run the jobs here
        if "cluster" not in named and shutil.which("sbatch") is None:
            raise EngineError("--engine slurm: there is no Slurm here (no `sbatch`); submit from a node that has it")
        self._executor = submitit.AutoExecutor(folder=str(folder), cluster=named.pop("cluster", None))
        try:
            self._executor.update_parameters(**named)
        except (TypeError, ValueError, NameError) as error:
            raise EngineError(f"--engine-option: {error}") from error

    def run(self, commands: Sequence[Command]) -> Iterator[Ending | None]:
        """Submit all commands and watch them."""
        jobs = [(command, self._executor.submit(execute, command)) for command in commands]
        try:
            while jobs:
                for pair in [pair for pair in jobs if pair[1].done()]:
                    jobs.remove(pair)
                    command, job = pair
                    problem = job.exception()
                    yield job.result() if problem is None else Ending(command.key, f"the job failed: {problem}")
                yield None
                time.sleep(0.5)
        finally:
            for _, job in jobs:
                job.cancel(check=False)


class RayEngine:
    """One Ray task per run; options are those of ``ray.remote`` (``num_gpus=1``) and ``address``."""

    def __init__(self, options: Mapping[str, str]) -> None:
        try:
            import ray
        except ImportError as error:
            raise EngineError("--engine ray: needs ray; `pip install 'doloris-bench[ray]'`") from error
        named: dict[str, Any] = {name: float(value) if _is_number(value) else value for name, value in options.items()}
        self._ray = ray
        if not ray.is_initialized():
            ray.init(address=named.pop("address", None), log_to_driver=False, include_dashboard=False)
        try:
            self._remote = ray.remote(**named)(execute) if named else ray.remote(execute)
        except (TypeError, ValueError) as error:
            raise EngineError(f"--engine-option: {error}") from error

    def run(self, commands: Sequence[Command]) -> Iterator[Ending | None]:
        """Submit all commands and watch them."""
        waiting = {self._remote.remote(command): command for command in commands}
        try:
            while waiting:
                ended, _ = self._ray.wait(list(waiting), timeout=0.5)
                for reference in ended:
                    command = waiting.pop(reference)
                    try:
                        yield self._ray.get(reference)
                    except self._ray.exceptions.RayError as error:
                        yield Ending(command.key, f"the task failed: {error}")
                yield None
        finally:
            for reference in waiting:
                self._ray.cancel(reference, force=True)
            self._ray.shutdown()


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


ENGINES = ("local", "slurm", "ray")


def make_engine(name: str, *, devices: Sequence[str], folder: Path, options: Mapping[str, str]) -> Engine:
    """Engine by name.

    Parameters
    ----------
    devices
        For ``local``: one process each.
    folder
        Where Slurm's own files go.
    options
        For ``slurm`` and ``ray``.
    """
    if name == "local":
        if options:
            raise EngineError(f"--engine-option: the local engine has no option {next(iter(options))!r}")
        return LocalEngine(devices)
    return SlurmEngine(folder / ".slurm", options) if name == "slurm" else RayEngine(options)
