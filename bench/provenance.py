"""What a run was made with: code, packages, machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from bench import __version__
from bench.paths import PROJECT

DECIDING_PACKAGES = ("anndata", "numpy", "pandas", "rdkit", "scanpy", "scipy", "torch")


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a number."""
    versions = {"python": platform.python_version()}
    for name in DECIDING_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def git_state() -> dict[str, object]:
    """Commit of the project and whether files were changed since; empty outside a checkout."""
    if not (PROJECT / ".git").exists():
        return {}
    commit = _git("rev-parse", "HEAD")
    return {"commit": commit, "changed_files": bool(_git("status", "--porcelain"))} if commit else {}


def machine() -> dict[str, object]:
    """Processor, cores, memory and system."""
    import psutil

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
    }


def provenance() -> dict[str, object]:
    """Everything of the above, for ``run.json``."""
    return {"doloris_bench": __version__, "git": git_state(), "versions": package_versions(), "machine": machine()}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
