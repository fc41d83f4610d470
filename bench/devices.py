"""Which devices there are, without importing torch where there is no GPU driver."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError


class DeviceError(BenchError):
    """A device that is not there."""


def resolve_devices(name: str) -> tuple[str, ...]:
    """Devices to run on: ``auto`` is every GPU, or the CPU where there is none.

    Parameters
    ----------
    name
        ``auto``, ``cpu``, ``cuda`` (every GPU) or ``cuda:0,2``.

    Raises
    ------
    DeviceError
        If a named GPU is not there.
    """
    if name == "cpu":
        return ("cpu",)
    count = _gpu_count()
    if name == "auto":
        return tuple(f"cuda:{i}" for i in range(count)) or ("cpu",)
    kind, _, numbers = name.partition(":")
    if kind != "cuda" or not all(part.isdigit() for part in numbers.split(",") if numbers):
        raise DeviceError(f"--device: {name!r} is not a device; write auto, cpu, cuda or cuda:0,1")
    wanted = [int(part) for part in numbers.split(",")] if numbers else list(range(count))
    if not wanted or max(wanted) >= count:
        raise DeviceError(f"--device: {name!r} asked for, but torch sees {count} GPUs; use --device cpu")
    return tuple(f"cuda:{i}" for i in wanted)


def worker_device(device: str) -> str:
    """Name of the device inside a worker, which sees one GPU alone."""
    return "cuda:0" if device.startswith("cuda") else "cpu"


def _gpu_count() -> int:
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return 0
    import torch

    return int(torch.cuda.device_count())
