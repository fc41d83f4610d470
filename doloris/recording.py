"""A training step recorded once as a CUDA graph and replayed: one launch instead of several hundred."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_WARM_UP = 3
"""Steps done one kernel at a time before the recording: libraries choose their kernels and allocate in them."""


class RecordedStep:
    """A step of training on a GPU, recorded when it has run a few times.

    Matrix products run on the tensor cores, which round their float32 inputs to 11 bits of mantissa (TF32). Replays
    draw the numbers that the step itself would have drawn, so what is trained does not depend on when the recording
    is made.

    Parameters
    ----------
    step
        Does one step and returns its loss. Its tensors must have the same shapes every time, and it must not wait
        for the device. Tensors that it reads may be changed in place between calls.
    generator
        The source of random numbers that it uses beside torch's own.
    """

    def __init__(self, step: Callable[[], Tensor], generator: torch.Generator) -> None:
        self._step, self._generator = step, generator
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._loss = torch.empty(())

    def __call__(self) -> Tensor:
        """Do one step; its loss, a scalar that is the caller's."""
        self._calls += 1
        with torch.cuda.device(self._generator.device):
            if self._calls <= _WARM_UP:
                return self._beside()
            if self._graph is None:
                self._graph = self._record()
            self._graph.replay()
            return self._loss.clone()

    def _beside(self) -> Tensor:
        """A step on another stream, as the recording will be."""
        main, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(main)
        with torch.cuda.stream(side), _tensor_cores():
            loss = self._step()
        main.wait_stream(side)
        return loss

    def _record(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        with torch.cuda.graph(graph), _tensor_cores():
            self._loss = self._step()
        return graph


@contextmanager
def _tensor_cores() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
