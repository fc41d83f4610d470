"""What the user says about a file, what a recogniser sees of it, and what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from bench.data.labels import LabelStyle
from methods.conditions import Modality


@dataclass(frozen=True)
class Hints:
    """What the user said about the file; everything else is recognised.

    Parameters
    ----------
    layout
        Only this layout.
    perturbation, cell_type, dose, smiles
        Obs columns.
    controls
        Values of the perturbation column that mean control.
    covariates
        Obs columns that divide cells as a cell type does.
    dose_unit
        ``nM``, ``uM``, ...
    modality
        Whether genes were perturbed or treatments given.
    rename
        New name by label, or by gene within a label.
    """

    layout: str | None = None
    perturbation: str | None = None
    controls: tuple[str, ...] = ()
    cell_type: str | None = None
    covariates: tuple[str, ...] = ()
    dose: str | None = None
    dose_unit: str | None = None
    smiles: str | None = None
    modality: Modality | None = None
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """What a recogniser looks at.

    Parameters
    ----------
    origin
        File, for messages.
    obs
        Obs of the cells that are kept.
    genes
        Every name a gene of the file goes by.
    """

    origin: str
    obs: pd.DataFrame
    genes: frozenset[str]


@dataclass(frozen=True)
class Column:
    """An obs column with a meaning, and the rule that gave it one."""

    name: str
    rule: str


@dataclass(frozen=True)
class Dose:
    """An obs column of doses.

    Parameters
    ----------
    column
        The column, and why this one.
    nanomolar
        nM per unit of it.
    """

    column: Column
    nanomolar: float


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Parameters
    ----------
    layout
        Name of the layout.
    perturbation
        Column of the perturbation labels.
    style
        How they are read.
    style_rule
        Why so.
    cell_type
        Columns that make up the cell type; none if the file has none.
    dose, smiles
        For treatments; ``None`` if the file has none.
    """

    layout: str
    perturbation: Column
    style: LabelStyle
    style_rule: str
    cell_type: tuple[Column, ...]
    dose: Dose | None = None
    smiles: Column | None = None
