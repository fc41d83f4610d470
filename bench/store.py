"""Results on disk: one folder per run, written whole or not at all.

``results/<key>/`` holds ``run.json`` (provenance), ``predictions.h5ad``, ``scores.parquet`` and
``log.txt``. A failed run is recorded with its traceback and is never taken for a finished one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.atomic import atomic_dir, atomic_file
from bench.engines import TEMPORARY_PREFIX
from bench.errors import StoreError
from bench.hashing import hash_json

if TYPE_CHECKING:
    import pandas as pd

RUN_FILE = "run.json"
SCORES_FILE = "scores.parquet"
LOG_FILE = "log.txt"
RERUN_LOG_FILE = "rerun.log.txt"
"""Log of a repetition that failed, beside the result that it did not replace."""
Status = Literal["finished", "unsupported", "failed"]


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides a run's result.

    Parameters
    ----------
    task, method, seed
        What the tables call it.
    inputs
        Hashes and settings: method source and configuration, data, split, number of cells,
        device type, resources, package versions.
    """

    task: str
    method: str
    seed: int
    inputs: Mapping[str, object]

    @property
    def key(self) -> str:
        """Folder name: readable, with a hash over all of the above."""
        digest = hash_json({"task": self.task, "method": self.method, "seed": self.seed, "inputs": dict(self.inputs)})
        method = re.sub(r"[^A-Za-z0-9.+_]+", "-", self.method)
        return f"{self.task}-{method}-s{self.seed}-{digest[:12]}"


@dataclass(frozen=True)
class RunRecord:
    """What ``run.json`` says of a run."""

    key: str
    task: str
    method: str
    seed: int
    status: Status
    inputs: Mapping[str, object]
    details: Mapping[str, Any]

    @property
    def unsupported(self) -> dict[str, str]:
        """Conditions without a prediction and why, by key."""
        return dict(self.details.get("unsupported", {}))

    @property
    def done(self) -> bool:
        """Whether there is nothing left to compute: the run finished, or the method has no mechanism."""
        return self.status != "failed"


class Store:
    """A results folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Folder of a run."""
        return self.root / key

    def read(self, key: str) -> RunRecord | None:
        """Record of a run, ``None`` if there is none.

        Raises
        ------
        StoreError
            If the record is damaged.
        """
        file = self.path(key) / RUN_FILE
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            return RunRecord(**{name: content.pop(name) for name in _RECORD_FIELDS}, details=content)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{file}: damaged ({error}); remove the folder {file.parent} and run again") from error

    def records(self) -> list[RunRecord]:
        """Every recorded run, oldest first."""
        files = sorted(self.root.glob(f"[!.]*/{RUN_FILE}"), key=lambda file: (file.stat().st_mtime_ns, file))
        found = (self.read(file.parent.name) for file in files)
        return [record for record in found if record is not None]

    def has_result(self, key: str) -> bool:
        """Whether a run is recorded that needs no repetition."""
        try:
            found = self.read(key)
        except StoreError:  # damaged: nothing to keep
            return False
        return found is not None and found.done

    def write(self, record: RunRecord, files: Mapping[str, Path]) -> None:
        """Record a run with its files (name in the run's folder -> where it is now), moving them in."""
        with atomic_dir(self.path(record.key)) as folder:
            content = {name: getattr(record, name) for name in _RECORD_FIELDS} | dict(record.details)
            (folder / RUN_FILE).write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")
            # Last: what was moved goes with the folder when it cannot be completed.
            for name, source in files.items():
                if source.exists():
                    shutil.move(source, folder / name)

    def read_scores(self, key: str) -> pd.DataFrame | None:
        """Scores of a run, all protocols it was scored under; ``None`` if never scored."""
        import pandas as pd

        file = self.path(key) / SCORES_FILE
        return pd.read_parquet(file) if file.exists() else None

    def write_scores(self, key: str, scores: pd.DataFrame) -> None:
        """Replace the scores of a run."""
        with atomic_file(self.path(key) / SCORES_FILE) as partial:
            scores.to_parquet(partial, index=False)

    @contextmanager
    def job_dir(self, key: str) -> Iterator[Path]:
        """Scratch folder of a run in progress; gone afterwards, whatever happens."""
        folder = self.root / ".jobs" / f"{key}.{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def clean(self) -> None:
        """Remove what killed processes left: scratch and temporary folders and half-moved runs of dead processes."""
        for folder in self.root.glob(".jobs/*"):
            owner = folder.name.rpartition(".")[2]
            if not (owner.isdigit() and _alive(int(owner))):
                shutil.rmtree(folder, ignore_errors=True)
        for folder in Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*"):
            owner = folder.name.removeprefix(TEMPORARY_PREFIX).partition(".")[0]
            if owner.isdecimal() and not _alive(int(owner)):
                shutil.rmtree(folder, ignore_errors=True)
        for folder in self.root.glob(".*.partial"):
            with self.lock(folder.name.split(".")[1]) as mine:
                if mine:
                    shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def lock(self, key: str) -> Iterator[bool]:
        """Hold a run for this process; yields ``False`` when another process holds it.

        The kernel drops the lock when the holder dies, however it dies.
        """
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / key).open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


_RECORD_FIELDS = ("key", "task", "method", "seed", "status", "inputs")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):  # the second: no number of a process
        return False
    except PermissionError:
        return True
    return True
