"""Checkpoints of a run in progress: one safetensors file, replaced atomically."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from doloris.config import DolorisConfig
from doloris.data import Priors, TrainingCells
from doloris.errors import CheckpointError

_FORMAT = "doloris checkpoint 1"


@dataclass(frozen=True)
class CheckpointFile:
    """Where a run leaves its state.

    Parameters
    ----------
    path
        The file.
    fingerprint
        Of the run it belongs to; see :func:`run_fingerprint`.
    every
        Steps between two checkpoints.
    """

    path: Path
    fingerprint: str
    every: int

    def write(self, tensors: Mapping[str, Tensor], stage: str) -> None:
        """Replace the file by the given state."""
        header = {"format": _FORMAT, "fingerprint": self.fingerprint, "stage": stage}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.partial")
        save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, partial, header)
        partial.replace(self.path)

    def read(self, device: torch.device) -> tuple[dict[str, Tensor], str] | None:
        """State and stage of the file; ``None`` where there is none.

        Raises
        ------
        CheckpointError
            If the file cannot be read, or belongs to another run.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata() or {}
            tensors = load_file(self.path, device=str(device))
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{self.path}: cannot be read ({error}); delete it to start afresh") from error
        if header.get("format") != _FORMAT or header.get("fingerprint") != self.fingerprint:
            raise CheckpointError(
                f"{self.path}: belongs to a run with another configuration, seed or other cells; "
                "delete it to start afresh, or name another file"
            )
        return tensors, header["stage"]


def run_fingerprint(cells: TrainingCells, priors: Priors, config: DolorisConfig, seed: int) -> str:
    """SHA-256 of everything that decides a run."""
    digest = hashlib.sha256(json.dumps([config.to_json(), seed], sort_keys=True).encode())
    digest.update(repr((cells.genes, cells.conditions, cells.n_cell_types, sorted(cells.validation))).encode())
    matrix = cells.values
    arrays = [matrix.indptr, matrix.indices, matrix.data, cells.labels, cells.drug_vectors]
    arrays += [priors.token_embeddings, priors.token_rank]
    for array in arrays:
        if array is not None:
            digest.update(array.tobytes())
    for name, edges in sorted(priors.edges.items()):
        digest.update(repr((name, edges.tolist())).encode())
    return digest.hexdigest()
