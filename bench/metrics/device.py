"""Where the kernels compute: numpy on the host, torch on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import torch

Device: TypeAlias = "str | torch.device"
"""``"cpu"`` for numpy, or a torch device."""

Array: TypeAlias = Any
"""A numpy array or a torch tensor; the kernels run on either through the array API."""


def is_host(device: Device) -> bool:
    """Whether ``device`` means numpy: the string ``"cpu"`` does, a ``torch.device`` never does."""
    return isinstance(device, str) and device == "cpu"


def to_device(array: np.ndarray, device: Device) -> Array:
    """The array where it is to be worked on; values and dtype are unchanged."""
    if is_host(device):
        return array
    import torch

    return torch.as_tensor(array, device=device)


def to_host(array: Array) -> np.ndarray:
    """The array as numpy."""
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu())
