"""A randomly initialised scGPT, written as the official checkpoints are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from methods.networks.scgpt import PerturbationTransformer
from methods.scgpt_settings import ScgptSize

SIZE = ScgptSize(width=16, heads=2, feed_forward=24, layers=3)
SPECIAL = ("<pad>", "<cls>", "<eoc>")


def random_network(n_tokens: int, size: ScgptSize = SIZE, padding_row: int | None = None) -> PerturbationTransformer:
    """A network whose every parameter, norms and biases too, is random."""
    torch.manual_seed(n_tokens)
    network = PerturbationTransformer(
        n_tokens, size, padding_row=padding_row, dropout=0.0, trained_unperturbed_flag=True
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return network.eval()


def write_checkpoint(
    folder: Path,
    genes: Sequence[str],
    *,
    joint: str = "Wqkv.",
    prefix: str = "",
    extra: Mapping[str, torch.Tensor] | None = None,
    special: Sequence[str] = SPECIAL,
) -> PerturbationTransformer:
    """Write ``args.json``, ``vocab.json`` and ``best_model.pt``; return the network that they hold.

    Parameters
    ----------
    joint
        How the file names the joint projection of query, key and value.
    prefix
        Before every name, as data-parallel training leaves it.
    extra
        Further tensors, to be written or to replace what is written; an empty tensor takes a name away.
    """
    tokens = [*genes, *special]
    network = random_network(len(tokens) + len(SPECIAL) - len(special))
    weights = {
        name.replace("Wqkv.", joint): value
        for name, value in network.state_dict().items()
        if not name.startswith(("decoder.", "pert_encoder."))
    }
    # what else official checkpoints carry
    weights |= {
        f"{name}.weight": torch.zeros(2, 2) for name in ("decoder.fc.0", "flag_encoder", "mvc_decoder.gene2query")
    }
    weights |= extra or {}
    folder.mkdir(parents=True, exist_ok=True)
    arguments = {"embsize": SIZE.width, "nheads": SIZE.heads, "d_hid": SIZE.feed_forward, "nlayers": SIZE.layers}
    (folder / "args.json").write_text(json.dumps(arguments | {"dropout": 0.2, "pad_token": "<pad>"}))
    (folder / "vocab.json").write_text(json.dumps({token: row for row, token in enumerate(tokens)}))
    torch.save({prefix + name: value for name, value in weights.items() if value.numel()}, folder / "best_model.pt")
    return network
