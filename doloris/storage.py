"""A fitted model on disk: tensors as safetensors, everything else as JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from doloris.assembly import Parts, Reference, build_networks
from doloris.config import DolorisConfig
from doloris.data import Perturbation
from doloris.effects import EffectModel, Kernel
from doloris.errors import CheckpointError, ConfigError

FORMAT = 1
_MODULES = ("denoiser", "space", "mask")
_EFFECT_ARRAYS = ("similarity", "solved", "own_effect")


def save_parts(parts: Parts, config: DolorisConfig, path: Path) -> None:
    """Write ``path/model.safetensors`` and ``path/model.json``; other files of the folder stay as they are.

    Each file is replaced at once, after both are written. The weights name the JSON they belong to, so that a pair of
    two models, left by a crash between the two, is not taken for one.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "config": config.to_json(),
        "genes": parts.genes,
        "nodes": parts.nodes,
        "n_cell_types": parts.n_cell_types,
    }
    tensors: dict[str, Tensor] = {}
    for name in _MODULES:
        module = getattr(parts, name)
        if module is not None:
            tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
    if parts.drug_vectors is not None:
        tensors["drug_vectors"] = parts.drug_vectors
    if parts.effects is not None:
        effects = parts.effects
        tensors |= {f"effects.{name}": torch.from_numpy(getattr(effects, name)) for name in _EFFECT_ARRAYS}
        content["effects"] = {
            "kernel": asdict(effects.kernel),
            "conditions": [asdict(condition) for condition in effects.conditions],
            "entities": effects.entities,
            "trained": effects.trained,
            "pair_scale": effects.pair_scale,
            "unknown_genes": effects.unknown_genes,
        }
    if parts.reference is not None:
        reference = parts.reference
        tensors |= {f"reference.{name}": getattr(reference, name) for name in ("patterns", "labels", "frequencies")}
        content["reference"] = [asdict(condition) for condition in reference.conditions]

    text = json.dumps(content)
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    path.mkdir(parents=True, exist_ok=True)
    weights, description = path / ".model.safetensors.partial", path / ".model.json.partial"
    try:
        save_file(plain, weights, {"description": _fingerprint(text)})
        description.write_text(text, encoding="utf-8")
        weights.replace(path / "model.safetensors")
        description.replace(path / "model.json")
    finally:
        weights.unlink(missing_ok=True)
        description.unlink(missing_ok=True)


def load_parts(path: Path, device: torch.device) -> tuple[Parts, DolorisConfig]:
    """Read what :func:`save_parts` wrote.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged or of another format, or the two are of different models.
    """
    try:
        text = (path / "model.json").read_text(encoding="utf-8")
        content = json.loads(text)
        tensors = load_file(path / "model.safetensors")
        with safe_open(path / "model.safetensors", framework="pt") as file:
            header = file.metadata() or {}
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a saved Doloris model ({error})") from error
    if content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: format {content.get('format')!r}, this version reads {FORMAT}")
    if header.get("description", _fingerprint(text)) != _fingerprint(text):
        raise CheckpointError(f"{path}: model.json and model.safetensors are of two models; save the model again")
    try:
        return _parts_of(content, tensors, device)
    except (KeyError, RuntimeError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path}: model.json and model.safetensors do not fit together ({error})") from error


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _parts_of(content: dict[str, Any], tensors: dict[str, Tensor], device: torch.device) -> tuple[Parts, DolorisConfig]:
    config = DolorisConfig.from_json(content["config"])
    genes, n_cell_types = tuple(content["genes"]), int(content["n_cell_types"])
    prefix = "denoiser.conditioning"
    drugs = tensors.get("drug_vectors")
    features = tensors.get(f"{prefix}.genes.features", torch.zeros(len(content["nodes"]), config.n_features))
    edges = tensors.get(f"{prefix}.genes.edges", tensors.get("mask.edges", torch.zeros(2, 0, dtype=torch.long)))
    denoiser, space, mask = build_networks(genes, n_cell_types, features, edges, drugs, config)
    for name, module in zip(_MODULES, (denoiser, space, mask), strict=True):
        if module is not None:
            module.load_state_dict(_under(tensors, f"{name}."))
    effects = reference = None
    if "effects" in content:
        effects = _effects_of(content["effects"], _under(tensors, "effects."), genes)
    if "reference" in content:
        conditions = tuple(_perturbation(value) for value in content["reference"])
        found = {name: value.to(device) for name, value in _under(tensors, "reference.").items()}
        reference = Reference(conditions, found["patterns"], found["labels"], found["frequencies"])
    nodes = tuple(content["nodes"])
    parts = Parts(genes, nodes, n_cell_types, drugs, denoiser, space, mask, effects, reference)
    return parts.to(device), config


def _effects_of(content: dict[str, Any], tensors: dict[str, Tensor], genes: tuple[str, ...]) -> EffectModel:
    arrays: dict[str, np.ndarray] = {name: value.numpy() for name, value in tensors.items()}
    kernel = content["kernel"]
    return EffectModel(
        kernel=Kernel(**{**kernel, "sources": tuple(kernel["sources"])}),
        conditions=tuple(_perturbation(value) for value in content["conditions"]),
        entities=tuple(content["entities"]),
        trained=tuple(content["trained"]),
        genes=genes,
        pair_scale=content["pair_scale"],
        unknown_genes=content["unknown_genes"],
        **{name: arrays[name] for name in _EFFECT_ARRAYS},
    )


def _perturbation(value: dict[str, Any]) -> Perturbation:
    return Perturbation(**{**value, "genes": tuple(value["genes"])})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
