"""What a process in an isolated environment sees of this project: its packages, and nothing beside them."""

from __future__ import annotations

from pathlib import Path

from bench.paths import PROJECT

PACKAGES = ("bench", "methods", "doloris")


def isolated_variables(folder: Path) -> dict[str, str]:
    """Environment variables of a worker in an isolated environment.

    An installed project lies in the main environment's ``site-packages``: a path to that folder would bring
    all its packages along, so the worker is pointed to a folder of links instead.

    Parameters
    ----------
    folder
        Where the links are made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        link = folder / package
        if not link.exists():
            link.symlink_to(PROJECT / package, target_is_directory=True)
    return {"PYTHONPATH": str(folder.resolve()), "PYTHONNOUSERSITE": "1"}
