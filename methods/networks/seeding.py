"""Randomness that comes from a method's seed alone and leaves the caller's untouched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch's global generators on the CPU and on ``device``; put them back afterwards.

    Inside, parameters may be initialised and numbers drawn without a generator of their own.

    Parameters
    ----------
    seed
        Seed of a fit or of a prediction.
    device
        ``"cpu"`` or a torch device name such as ``"cuda:0"``.
    """
    where = torch.device(device)
    devices = [where] if where.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
