"""Whether a package is installed, without importing it."""

from __future__ import annotations

import importlib.metadata


def missing(distribution: str, extra: str) -> str | None:
    """Why a method cannot run here: its package is absent; ``None`` where it is installed.

    Parameters
    ----------
    distribution
        Name of the package as pip knows it.
    extra
        Extra of this project that installs it.
    """
    if version(distribution) is not None:
        return None
    return f"needs the package {distribution}; `pip install -c constraints.txt -e '.[{extra}]'`"


def version(distribution: str) -> str | None:
    """Version of an installed package, ``None`` where it is absent."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
