"""What is simulated under which name: kind of screen, size, depth and strength of effects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from methods.conditions import Modality

CELL_LINES = ("A549", "K562", "MCF7")
DOSES = (10.0, 100.0, 1000.0, 10000.0)


@dataclass(frozen=True)
class Preset(ABC):
    """A simulated screen.

    Parameters
    ----------
    name
        Name of the data set.
    n_genes
        Genes in the panel.
    depth
        Typical number of counts of a cell over the panel.
    depth_spread
        Standard deviation of the natural log of a cell's counts.
    abundance_spread
        Standard deviation of the natural log of a gene's mean.
    n_modules
        Pathways of the gene network.
    n_switches
        Latent two-state switches.
    controls
        Control cells of each cell type.
    cells
        Typical number of cells of a condition.
    cells_spread
        Standard deviation of the natural log of that number.
    strength
        Typical root-mean-square change of log expression over the panel.
    strength_spread
        Standard deviation of its natural log between perturbations.
    """

    name: str
    n_genes: int
    depth: float
    depth_spread: float
    abundance_spread: float
    n_modules: int
    n_switches: int
    controls: int
    cells: int
    cells_spread: float
    strength: float
    strength_spread: float

    @property
    @abstractmethod
    def modality(self) -> Modality:
        """Whether genes or drugs are tested."""

    @property
    @abstractmethod
    def cell_types(self) -> tuple[str, ...]:
        """Cell types of the screen."""


@dataclass(frozen=True)
class GenePreset(Preset):
    """A screen of genes in one cell line.

    Parameters
    ----------
    source
        Published screen whose gene names, and pairs, are used.
    n_singles, n_doubles
        Perturbed genes and pairs of them.
    n_unmeasured
        Perturbed genes that are not in the panel.
    mode
        Knock-down (CRISPRi) lowers the perturbed gene, activation (CRISPRa) raises it.
    """

    source: Literal["adamson", "norman"] = "adamson"
    n_singles: int = 0
    n_doubles: int = 0
    n_unmeasured: int = 0
    mode: Literal["knock-down", "activation"] = "knock-down"

    @property
    def modality(self) -> Modality:
        """Genes."""
        return "gene"

    @property
    def cell_types(self) -> tuple[str, ...]:
        """K562, as in both published screens."""
        return ("K562",)


@dataclass(frozen=True)
class DrugPreset(Preset):
    """A screen of drugs in several cell lines.

    Parameters
    ----------
    drugs
        Names of the drugs; empty for all of the published screen.
    doses
        Doses in nM.
    lines
        Cell lines.
    published_cells
        Whether every (drug, dose, line) group has as many cells as the published screen counts at 24 h; ``cells`` and
        ``cells_spread`` are then not used.
    """

    drugs: tuple[str, ...] = ()
    doses: tuple[float, ...] = DOSES
    lines: tuple[str, ...] = CELL_LINES
    published_cells: bool = False

    @property
    def modality(self) -> Modality:
        """Treatments."""
        return "treatment"

    @property
    def cell_types(self) -> tuple[str, ...]:
        """The cell lines."""
        return self.lines


_DEMO_DRUGS = (
    "Alisertib", "Alvespimycin", "Barasertib", "Belinostat", "Cimetidine", "Dacinostat", "Dasatinib", "Entinostat",
    "Flavopiridol", "Givinostat", "Luminespib", "Mesna", "Momelotinib", "Panobinostat", "Pracinostat", "Prednisone",
    "Ruxolitinib", "Tanespimycin", "Thalidomide", "Trametinib",
)  # fmt: skip
_TINY_DRUGS = ("Belinostat", "Cimetidine", "Panobinostat", "Pracinostat", "Trametinib")

_ALL: tuple[Preset, ...] = (
    GenePreset(
        "sim_single_tiny", n_genes=90, depth=120, depth_spread=0.4, abundance_spread=1.8, n_modules=3, n_switches=2,
        controls=150, cells=32, cells_spread=0.15, strength=0.4, strength_spread=0.8,
        source="adamson", n_singles=11, n_unmeasured=1, mode="knock-down",
    ),
    GenePreset(
        "sim_double_tiny", n_genes=90, depth=120, depth_spread=0.35, abundance_spread=1.8, n_modules=3, n_switches=2,
        controls=150, cells=32, cells_spread=0.15, strength=0.45, strength_spread=0.5,
        source="norman", n_singles=8, n_doubles=5, n_unmeasured=1, mode="activation",
    ),
    DrugPreset(
        "sim_drug_tiny", n_genes=90, depth=120, depth_spread=0.4, abundance_spread=1.8, n_modules=6, n_switches=2,
        controls=80, cells=28, cells_spread=0.15, strength=0.5, strength_spread=0.7,
        drugs=_TINY_DRUGS, doses=(100.0, 10000.0), lines=("A549", "MCF7"),
    ),
    GenePreset(
        "sim_single", n_genes=600, depth=900, depth_spread=0.45, abundance_spread=2.0, n_modules=8, n_switches=3,
        controls=1500, cells=90, cells_spread=0.2, strength=0.12, strength_spread=1.0,
        source="adamson", n_singles=48, n_unmeasured=3, mode="knock-down",
    ),
    GenePreset(
        "sim_double", n_genes=800, depth=2500, depth_spread=0.35, abundance_spread=2.4, n_modules=10, n_switches=3,
        controls=1500, cells=80, cells_spread=0.2, strength=0.3, strength_spread=0.6,
        source="norman", n_singles=40, n_doubles=25, n_unmeasured=2, mode="activation",
    ),
    DrugPreset(
        "sim_drug", n_genes=600, depth=400, depth_spread=0.5, abundance_spread=2.0, n_modules=8, n_switches=3,
        controls=500, cells=80, cells_spread=0.3, strength=0.45, strength_spread=0.7, drugs=_DEMO_DRUGS,
    ),
    GenePreset(
        "sim_single_full", n_genes=5000, depth=5000, depth_spread=0.4, abundance_spread=2.4, n_modules=14,
        n_switches=6, controls=24000, cells=440, cells_spread=0.4, strength=0.12, strength_spread=1.0,
        source="adamson", n_singles=86, n_unmeasured=5, mode="knock-down",
    ),
    GenePreset(
        "sim_double_full", n_genes=5000, depth=5000, depth_spread=0.3, abundance_spread=2.4, n_modules=16,
        n_switches=6, controls=7500, cells=325, cells_spread=0.4, strength=0.25, strength_spread=0.6,
        source="norman", n_singles=105, n_doubles=131, n_unmeasured=5, mode="activation",
    ),
    DrugPreset(
        "sim_drug_full", n_genes=2000, depth=350, depth_spread=0.5, abundance_spread=1.8, n_modules=12, n_switches=6,
        controls=6500, cells=296, cells_spread=0.4, strength=0.3, strength_spread=0.7, published_cells=True,
    ),
)  # fmt: skip

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _ALL}
"""Every simulated data set, by name."""
