"""Settings of BioLord as its authors published them, one set per kind of screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class BiolordSettings:
    """What the authors train one of their screens with.

    Parameters
    ----------
    n_latent
        Length of the code of a cell.
    module
        Arguments of the network.
    plan
        Arguments of the training plan; the learning rate and decay of the attribute networks must be given, the
        package fails on their defaults.
    max_epochs, validate_every, patience
        Training ends after so many epochs, or so many validations without improvement.
    """

    n_latent: int
    module: Mapping[str, object]
    plan: Mapping[str, object]
    max_epochs: int
    validate_every: int
    patience: int


BATCH_SIZE = 512  # cells; the authors' for the screen that they train on cells
_PLAN = {"n_epochs_warmup": 0, "step_size_lr": 45, "cosine_scheduler": True, "scheduler_final_lr": 1e-5}
_MODULE = {"gene_likelihood": "normal", "use_batch_norm": False, "use_layer_norm": False}

# biolord_reproducibility, utils/parameters_sciplex3.py and the notebook that uses it
DRUGS = BiolordSettings(
    n_latent=256,
    module=_MODULE
    | {
        "decoder_width": 4096,
        "decoder_depth": 4,
        "attribute_nn_width": 2048,
        "attribute_nn_depth": 2,
        "attribute_dropout_rate": 0.1,
        "n_latent_attribute_ordered": 256,
        "n_latent_attribute_categorical": 3,
        "reconstruction_penalty": 1e4,
        "unknown_attribute_penalty": 0.1,
        "unknown_attribute_noise_param": 20.0,
    },
    plan=_PLAN
    | {
        "latent_lr": 1e-4,
        "latent_wd": 1e-4,
        "decoder_lr": 1e-4,
        "decoder_wd": 1e-4,
        "attribute_nn_lr": 1e-2,
        "attribute_nn_wd": 4e-8,
    },
    max_epochs=200,
    validate_every=10,
    patience=20,
)

# biolord_reproducibility, scripts/biolord/norman/norman_optimal_config.py
DOUBLE_GENES = BiolordSettings(
    n_latent=32,
    module=_MODULE
    | {
        "decoder_width": 32,
        "decoder_depth": 2,
        "attribute_nn_width": 64,
        "attribute_nn_depth": 2,
        "attribute_dropout_rate": 0.0,
        "n_latent_attribute_ordered": 32,
        "n_latent_attribute_categorical": 16,
        "reconstruction_penalty": 1e4,
        "unknown_attribute_noise_param": 0.2,
    },
    plan=_PLAN
    | {
        "latent_lr": 1e-2,
        "latent_wd": 1e-5,
        "decoder_lr": 1e-2,
        "decoder_wd": 1e-2,
        "attribute_nn_lr": 1e-3,
        "attribute_nn_wd": 4e-8,
    },
    max_epochs=200,
    validate_every=5,
    patience=200,
)

# biolord_reproducibility, scripts/biolord/adamson/adamson_config_optimal.py
SINGLE_GENES = BiolordSettings(
    n_latent=32,
    module=_MODULE
    | {
        "decoder_width": 64,
        "decoder_depth": 1,
        "decoder_activation": False,
        "attribute_nn_width": 64,
        "attribute_nn_depth": 6,
        "attribute_nn_activation": False,
        "attribute_dropout_rate": 0.1,
        "n_latent_attribute_ordered": 512,
        "n_latent_attribute_categorical": 16,
        "reconstruction_penalty": 1e3,
        "unknown_attribute_penalty": 1e4,
    },
    plan=_PLAN
    | {
        "latent_lr": 1e-4,
        "latent_wd": 1e-3,
        "decoder_lr": 1e-3,
        "decoder_wd": 1e-2,
        "attribute_nn_lr": 1e-3,
        "attribute_nn_wd": 4e-8,
    },
    max_epochs=1000,
    validate_every=5,
    patience=10,
)
