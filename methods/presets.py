"""Named configurations of a method, and the few settings that can be changed on the command line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar


@dataclass(frozen=True)
class NetworkConfig:
    """What the configurations of the networks have in common.

    Parameters
    ----------
    epochs
        At most so many passes over the cells.
    prediction
        How cells are predicted.
    validation_cells
        Controls of a cell type from which validation conditions are predicted; ``None`` for all, as the authors'
        code does. Departure: a look at the validation conditions would take longer than the epochs before it.
    """

    epochs: int = 0
    prediction: str = ""
    validation_cells: int | None = 500


Config = TypeVar("Config", bound=NetworkConfig)
Preset = TypeVar("Preset")


def preset_named(presets: Mapping[str, Preset], preset: str) -> Preset:
    """One of a method's named configurations.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if preset not in presets:
        raise ValueError(f"preset={preset!r}: choose one of {', '.join(presets)}")
    return presets[preset]


def configured(
    presets: Mapping[str, Config], preset: str, *, epochs: int, prediction: str, predictions: Collection[str]
) -> Config:
    """A preset, with what the user set instead.

    Parameters
    ----------
    presets
        Configurations by name.
    preset
        Which of them.
    epochs
        At most so many passes; 0 for the preset's.
    prediction
        How cells are predicted; ``""`` for the preset's.
    predictions
        The ways there are.

    Raises
    ------
    ValueError
        If there is no such preset or way, or the number of passes is negative.
    """
    config = preset_named(presets, preset)
    if prediction and prediction not in predictions:
        raise ValueError(f"prediction={prediction!r}: choose one of {', '.join(predictions)}")
    return replace(
        config,
        epochs=number_or_preset("epochs", epochs) or config.epochs,
        prediction=prediction or config.prediction,
    )


def number_or_preset(name: str, number: int) -> int:
    """A number that the user may set; 0 stands for the preset's.

    Raises
    ------
    ValueError
        If it is negative.
    """
    if number < 0:
        raise ValueError(f"{name}={number}: give 0 for the preset's or a number above it")
    return number
