"""Reads a folder of scGPT's official layout: ``args.json``, ``vocab.json``, ``best_model.pt``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods.scgpt_settings import ScgptSize

if TYPE_CHECKING:
    from torch import Tensor, nn

ARGUMENTS_FILE, VOCABULARY_FILE, WEIGHTS_FILE = "args.json", "vocab.json", "best_model.pt"
LOADED_PREFIXES = ("encoder.", "value_encoder.", "transformer_encoder.")
EMBEDDING = "encoder.embedding.weight"
_SPECIAL_TOKENS = ("<pad>", "<cls>", "<eoc>")
# The flash-attention layers of the release, their newer wrapper, and torch's own name the joint projection so.
_JOINT_PROJECTION = re.compile(r"self_attn\.(?:_impl\.)?(?:Wqkv\.|in_proj_)(weight|bias)$")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class ScgptCheckpoint:
    """A pretrained scGPT.

    Parameters
    ----------
    folder
        Where it was read.
    size
        Widths and depth.
    vocabulary
        Token -> row of the embedding.
    padding_row
        Row of the padding token; ``None`` where the embedding has none.
    weights
        Name -> tensor of the three parts that are loaded; the joint projection of query, key and value is
        named ``self_attn.Wqkv`` whatever the file calls it.
    """

    folder: Path
    size: ScgptSize
    vocabulary: Mapping[str, int]
    padding_row: int | None
    weights: Mapping[str, Tensor]


def read_checkpoint(folder: Path) -> ScgptCheckpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises
    ------
    CheckpointError
        If a file is missing, cannot be read or does not belong to the others.
    """
    arguments = _read_json(folder / ARGUMENTS_FILE)
    vocabulary = _vocabulary(folder / VOCABULARY_FILE)
    weights = _read_weights(folder / WEIGHTS_FILE)
    if EMBEDDING not in weights:
        raise CheckpointError(f"{folder / WEIGHTS_FILE}: lacks {EMBEDDING!r}; is this a checkpoint of scGPT?")
    rows = weights[EMBEDDING].shape[0]
    # The release appends the special tokens that the vocabulary lacks before it makes the embedding.
    appended = [token for token in _SPECIAL_TOKENS if token not in vocabulary]
    if rows not in (len(vocabulary), len(vocabulary) + len(appended)):
        raise CheckpointError(
            f"{folder}: {len(vocabulary)} tokens in {VOCABULARY_FILE}, {rows} rows in the embedding of {WEIGHTS_FILE}; "
            "they are not of the same checkpoint"
        )
    padding = str(arguments.get("pad_token", _SPECIAL_TOKENS[0]))
    if padding in appended and rows > len(vocabulary):
        padding_row: int | None = len(vocabulary) + appended.index(padding)
    else:
        padding_row = vocabulary.get(padding)
    return ScgptCheckpoint(folder, _size(arguments, folder), vocabulary, padding_row, weights)


def load_weights(network: nn.Module, checkpoint: ScgptCheckpoint, rows: Sequence[int | None]) -> None:
    """Copy a checkpoint into the parts of a network that it has weights for.

    Parameters
    ----------
    network
        A :class:`methods.networks.scgpt.PerturbationTransformer` of the checkpoint's size.
    rows
        Row of the checkpoint's embedding for each row of the network's; ``None`` for zeros.

    Raises
    ------
    CheckpointError
        If the checkpoint lacks a parameter, has one too many or one of another shape.
    """
    import torch

    file = checkpoint.folder / WEIGHTS_FILE
    given = dict(checkpoint.weights)
    table = torch.cat([given[EMBEDDING], torch.zeros_like(given[EMBEDDING][:1])])
    given[EMBEDDING] = table[[len(table) - 1 if row is None else row for row in rows]]
    wanted = {name: value for name, value in network.state_dict().items() if name.startswith(LOADED_PREFIXES)}
    missing, surplus = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    if missing or surplus:
        parts = [
            f"{what} {', '.join(names)}" for what, names in (("lacks", missing), ("has unknown", surplus)) if names
        ]
        raise CheckpointError(
            f"{file}: {'; '.join(parts)}. Every parameter must be loaded, or part of the network stays random; "
            f"{ARGUMENTS_FILE} must describe the same network"
        )
    with torch.no_grad():
        for name, value in wanted.items():
            if value.shape != given[name].shape:
                found, made = tuple(given[name].shape), tuple(value.shape)
                raise CheckpointError(f"{file}, {name}: shape {found}, but {ARGUMENTS_FILE} makes it {made}")
            value.copy_(given[name])


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}); a checkpoint folder holds {ARGUMENTS_FILE}, "
            f"{VOCABULARY_FILE} and {WEIGHTS_FILE}"
        ) from error
    except ValueError as error:
        raise CheckpointError(f"{path}: is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}; a JSON object is needed")
    return content


def _vocabulary(path: Path) -> dict[str, int]:
    content = _read_json(path)
    rows = list(content.values())
    if not all(isinstance(row, int) for row in rows) or sorted(rows) != list(range(len(rows))):
        raise CheckpointError(f"{path}: must number its {len(rows)} tokens from 0 without gaps")
    return content


def _size(arguments: Mapping[str, Any], folder: Path) -> ScgptSize:
    names = {"width": "embsize", "heads": "nheads", "feed_forward": "d_hid", "layers": "nlayers"}
    numbers = {}
    for field, name in names.items():
        value = arguments.get(name)
        if not isinstance(value, int) or value < 1:
            raise CheckpointError(f"{folder / ARGUMENTS_FILE}, {name}: {value!r} is not a whole number above 0")
        numbers[field] = value
    if numbers["width"] % numbers["heads"]:
        raise CheckpointError(
            f"{folder / ARGUMENTS_FILE}: embsize {numbers['width']} is not divisible by nheads {numbers['heads']}"
        )
    return ScgptSize(**numbers)


def _read_weights(path: Path) -> dict[str, Tensor]:
    import pickle

    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise CheckpointError(
            f"{path}: is not a file of weights alone; one that needs code to be run is not read ({error})"
        ) from error
    if not isinstance(content, dict) or not all(torch.is_tensor(value) for value in content.values()):
        raise CheckpointError(f"{path}: must hold a mapping of names to tensors")
    weights: dict[str, Tensor] = {}
    for name, value in content.items():
        canonical = _JOINT_PROJECTION.sub(r"self_attn.Wqkv.\1", str(name).removeprefix("module."))
        if canonical.startswith(LOADED_PREFIXES):
            if canonical in weights:
                raise CheckpointError(f"{path}: has {canonical!r} twice, under different names")
            weights[canonical] = value.float()
    return weights
