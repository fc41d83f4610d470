"""What the benchmarks of Doloris share: the device, and when and with how much memory it is done."""

from __future__ import annotations

import resource

import torch


def find_device() -> str:
    """The GPU, its peak of memory forgotten, where there is one."""
    if not torch.cuda.is_available():
        return "cpu"
    torch.cuda.reset_peak_memory_stats()
    return "cuda"


def wait(device: str) -> None:
    """Until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def peak_gib(device: str) -> float:
    """Peak memory of the device, or of this process where that is the CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
