"""Runs LaTeX on a document."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.errors import BenchError

_SECONDS = 300


class TypesettingError(BenchError):
    """LaTeX stopped; the message has its complaint."""


def typeset(source: Path) -> Path | None:
    """The PDF of a LaTeX file, beside it; ``None`` where this machine has no ``pdflatex``.

    Auxiliary files are written elsewhere and thrown away.

    Raises
    ------
    TypesettingError
        If LaTeX stops or does not end.
    """
    program = shutil.which("pdflatex")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
        for _ in range(2):  # the second time with the numbers of the first
            _run([*command, f"-output-directory={scratch}", source.name], source)
        target = source.with_suffix(".pdf")
        shutil.copyfile(Path(scratch) / target.name, target)
    return target


def _run(command: list[str], source: Path) -> None:
    try:
        done = subprocess.run(command, cwd=source.parent, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise TypesettingError(f"{source}: LaTeX did not end within {_SECONDS} s; look at the file") from error
    if done.returncode:
        said = done.stdout.decode("utf-8", errors="replace")
        complaint = re.search(r"^! .*(?:\n.*){0,4}", said, flags=re.MULTILINE)
        raise TypesettingError(f"{source}: LaTeX stopped: {complaint[0] if complaint else said[-400:]}")
