"""Settings of CPA as its authors published them, one set per kind of screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CpaSettings:
    """What one tutorial of the package trains with.

    Parameters
    ----------
    model
        Arguments of ``cpa.CPA``.
    plan
        Arguments of its training plan.
    batch_size
        Cells per step.
    patience
        Validations without improvement before training ends.
    """

    model: Mapping[str, object]
    plan: Mapping[str, object]
    batch_size: int
    patience: int


MAX_EPOCHS = 2000
VALIDATE_EVERY = 5  # epochs

# Tutorial "Norman"
GENES = CpaSettings(
    model={
        "n_latent": 32,
        "doser_type": "linear",
        "n_hidden_encoder": 256,
        "n_layers_encoder": 4,
        "n_hidden_decoder": 256,
        "n_layers_decoder": 2,
        "use_batch_norm_encoder": True,
        "use_layer_norm_encoder": False,
        "use_batch_norm_decoder": False,
        "use_layer_norm_decoder": False,
        "dropout_rate_encoder": 0.2,
        "dropout_rate_decoder": 0.0,
        "variational": False,
    },
    plan={
        "n_epochs_kl_warmup": None,
        "n_epochs_adv_warmup": 50,
        "n_epochs_mixup_warmup": 10,
        "n_epochs_pretrain_ae": 10,
        "mixup_alpha": 0.1,
        "lr": 1e-4,
        "wd": 3.2170178270865573e-06,
        "adv_steps": 3,
        "reg_adv": 10.0,
        "pen_adv": 20.0,
        "adv_lr": 1e-4,
        "adv_wd": 7.051355554517135e-06,
        "n_layers_adv": 2,
        "n_hidden_adv": 128,
        "use_batch_norm_adv": True,
        "use_layer_norm_adv": False,
        "dropout_rate_adv": 0.3,
        "step_size_lr": 25,
        "do_clip_grad": False,
        "adv_loss": "cce",
        "gradient_clip_value": 5.0,
    },
    batch_size=2048,
    patience=5,
)

# Tutorial "Combosciplex with RDKit embeddings"
DRUGS = CpaSettings(
    model={
        "n_latent": 64,
        "doser_type": "linear",
        "n_hidden_encoder": 256,
        "n_layers_encoder": 3,
        "n_hidden_decoder": 512,
        "n_layers_decoder": 2,
        "use_batch_norm_encoder": True,
        "use_layer_norm_encoder": False,
        "use_batch_norm_decoder": True,
        "use_layer_norm_decoder": False,
        "dropout_rate_encoder": 0.25,
        "dropout_rate_decoder": 0.25,
        "variational": False,
    },
    plan={
        "n_epochs_kl_warmup": None,
        "n_epochs_pretrain_ae": 50,
        "n_epochs_adv_warmup": 100,
        "n_epochs_mixup_warmup": 10,
        "mixup_alpha": 0.1,
        "adv_steps": None,
        "n_hidden_adv": 128,
        "n_layers_adv": 3,
        "use_batch_norm_adv": False,
        "use_layer_norm_adv": False,
        "dropout_rate_adv": 0.2,
        "reg_adv": 10.0,
        "pen_adv": 0.1,
        "lr": 3e-4,
        "wd": 4e-7,
        "adv_lr": 3e-4,
        "adv_wd": 4e-7,
        "adv_loss": "cce",
        "doser_lr": 3e-4,
        "doser_wd": 4e-7,
        "do_clip_grad": False,
        "gradient_clip_value": 1.0,
        "step_size_lr": 10,
    },
    batch_size=512,
    patience=10,
)

# Tutorial "Kang"
STIMULATION = CpaSettings(
    model={
        "n_latent": 64,
        "doser_type": "linear",
        "n_hidden_encoder": 128,
        "n_layers_encoder": 2,
        "n_hidden_decoder": 512,
        "n_layers_decoder": 2,
        "use_batch_norm_encoder": True,
        "use_layer_norm_encoder": False,
        "use_batch_norm_decoder": False,
        "use_layer_norm_decoder": True,
        "dropout_rate_encoder": 0.0,
        "dropout_rate_decoder": 0.1,
        "variational": False,
    },
    plan={
        "n_epochs_kl_warmup": None,
        "n_epochs_pretrain_ae": 30,
        "n_epochs_adv_warmup": 50,
        "n_epochs_mixup_warmup": 0,
        "mixup_alpha": 0.0,
        "adv_steps": None,
        "n_hidden_adv": 64,
        "n_layers_adv": 3,
        "use_batch_norm_adv": True,
        "use_layer_norm_adv": False,
        "dropout_rate_adv": 0.3,
        "reg_adv": 20.0,
        "pen_adv": 5.0,
        "lr": 3e-4,
        "wd": 4e-7,
        "adv_lr": 3e-4,
        "adv_wd": 4e-7,
        "adv_loss": "cce",
        "doser_lr": 3e-4,
        "doser_wd": 4e-7,
        "do_clip_grad": True,
        "gradient_clip_value": 1.0,
        "step_size_lr": 10,
    },
    batch_size=512,
    patience=5,
)
