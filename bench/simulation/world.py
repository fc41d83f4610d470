"""A simulated screen's whole truth, built from its preset."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.errors import DataError
from bench.simulation.design import Design, make_design
from bench.simulation.drugs import Pharmacology, make_pharmacology, pathway_regulators
from bench.simulation.genetic import Genetics, make_genetics, pathways
from bench.simulation.molecules import drugs_of
from bench.simulation.network import Network, make_network
from bench.simulation.panel import Panel, make_panel
from bench.simulation.presets import PRESETS, DrugPreset, GenePreset, Preset
from bench.simulation.programmes import Programmes, make_programmes
from bench.simulation.responses import Response, no_response
from bench.simulation.streams import stream
from methods.conditions import Condition


@dataclass(frozen=True)
class World:
    """Everything that decides the distribution of cells of every condition.

    Parameters
    ----------
    preset, design, panel, network, programmes
        The parts of the screen.
    effects
        What the perturbations do.
    log_share
        Natural log of a gene's share of a cell's counts when every latent state is 0,
        (n_cell_types, n_genes).
    """

    preset: Preset
    design: Design
    panel: Panel
    network: Network
    programmes: Programmes
    effects: Genetics | Pharmacology
    log_share: np.ndarray

    def condition(self, key: str) -> Condition:
        """The condition of a key.

        Raises
        ------
        DataError
            If the data set has no such condition.
        """
        for condition in self.design.cells:
            if condition.key == key:
                return condition
        raise DataError(
            f"simulated data set {self.preset.name!r}, condition {key!r}: it has no such condition; "
            "conditions are named as in its obs['condition']"
        )

    def response(self, condition: Condition) -> Response:
        """What a condition of the data set does to a cell."""
        if condition.is_control:
            return no_response(len(self.panel.genes), self.programmes.switch_logits.size)
        if isinstance(self.effects, Genetics):
            return self.effects.responses[condition.key]
        assert condition.dose is not None
        return self.effects.response(condition.label, condition.dose, condition.cell_type)

    def cell_type(self, condition: Condition) -> str:
        """Cell type of a condition's cells; the only one where the key names none."""
        return condition.cell_type or self.preset.cell_types[0]


def preset_of(name: str) -> Preset:
    """The preset of a data set.

    Raises
    ------
    DataError
        If nothing is simulated under that name.
    """
    if name not in PRESETS:
        raise DataError(f"simulated data set {name!r}: there is none; there are {', '.join(PRESETS)}")
    return PRESETS[name]


@lru_cache(maxsize=2)
def build_world(name: str) -> World:
    """Draw the truth of a data set; the same name always gives the same truth."""
    preset = preset_of(name)
    design = make_design(preset)
    panel = make_panel(stream(name, part="panel"), preset, design.genes, design.unmeasured)
    abundance = np.exp(panel.log_abundance).mean(axis=0)
    n_genes = len(panel.genes)
    layout = stream(name, part="network")
    modules = (
        pathways(layout, design, preset.n_modules)
        if isinstance(preset, GenePreset)
        else pathway_regulators(layout, panel.genes, preset.n_modules)
    )
    network = make_network(layout, panel.genes, modules, abundance)
    programmes = make_programmes(stream(name, part="programmes"), network, n_genes, preset.n_switches, abundance)
    drawing = stream(name, part="effects")
    effects: Genetics | Pharmacology
    if isinstance(preset, GenePreset):
        effects = make_genetics(drawing, preset, design, network, n_genes)
    else:
        assert isinstance(preset, DrugPreset)
        effects = make_pharmacology(drawing, preset, drugs_of(preset.drugs), network, n_genes)
    return World(preset, design, panel, network, programmes, effects, panel.log_abundance - programmes.log_inflation())
