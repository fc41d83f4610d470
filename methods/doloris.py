"""Doloris (ICLR 2026) as it should be, as the paper describes it and as it was released."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from methods.base import Method, Progress, Query, TrainingData, Unsupported, condition_seed
from methods.conditions import Condition, TaskKind
from methods.gene_graph import graph_names
from methods.molecules import molecule_source

if TYPE_CHECKING:
    from doloris import DolorisConfig, Perturbation
    from methods.doloris_cells import DolorisCells

LARGE = 100_000_000
"""Training cells times genes from which ``size=auto`` takes the paper's widths; smaller screens take the small ones."""

SIZES = ("auto", "full", "small")
PARTS = ("nothing", "control-moments", "latent", "mask")


class _DolorisMethod(Method):
    """What the three presets share.

    Parameters
    ----------
    size
        ``full``: the paper's widths and steps. ``small``: a network and training for two processor cores.
        ``auto``: full for a large screen, small for one with fewer training values than ``LARGE``.
    without
        Part that is left out (ablations of 4.5): ``control-moments``, ``latent``, ``mask`` or ``nothing``.
    nfe
        Steps of sampling, the number of function evaluations (A.3).
    steps
        Training steps of the diffusion; 0 for the preset's.
    """

    tasks = frozenset(TaskKind)
    output = "cells"
    ablations = (
        {"without": "control-moments"},
        {"without": "latent"},
        {"without": "mask"},
        {"nfe": 1},
        {"nfe": 30},
        {"nfe": 70},
    )
    preset: ClassVar[Literal["corrected", "paper", "released"]]

    def __init__(self, size: str = "full", without: str = "nothing", nfe: int = 50, steps: int = 0) -> None:
        for name, value, known in (("size", size, SIZES), ("without", without, PARTS)):
            if value not in known:
                raise ValueError(f"{name}={value!r}: choose one of {', '.join(known)}")
        if nfe < 1 or steps < 0:
            raise ValueError(f"nfe={nfe}, steps={steps}: nfe must be at least 1 and steps at least 0")
        self.size, self.without, self.nfe, self.steps = size, without, nfe, steps
        self._record: dict[str, object] = {}
        self._latent: dict[str, object] = {}
        self._intra_distance: dict[str, float] = {}
        self._clipped = 0

    def configuration(self) -> Mapping[str, object]:
        """Preset and settings; the source holds what they stand for."""
        return {
            "preset": self.preset,
            "size": self.size,
            "without": self.without,
            "nfe": self.nfe,
            "steps": self.steps,
        }

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """Name of the preset, the edge lists it was given, and what stands in for the drugs' vectors."""
        tokens = ["tokens"] if "gene_vectors" in supplied else []
        stand_in = molecule_source(conditions, supplied)
        return "+".join([self.name, *graph_names(supplied), *tokens]) + (f"-{stand_in}" if stand_in else "")

    def record(self) -> Mapping[str, object]:
        """Size, sources of the effect, latent figures (mean, deviation, kurtosis), intra-distances (Fig. 2).

        Values above log1p of a cell's counts, which an ODE from a latent far from Gaussian can reach, are clipped and
        counted.
        """
        return {**self._record, "values_clipped_to_what_a_cell_can_have": self._clipped}

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Train mask model and diffusion on all training and validation cells."""
        from dataclasses import asdict

        from doloris import Doloris
        from doloris.diagnostics import intra_distance
        from methods.doloris_cells import doloris_cells

        self._cells: DolorisCells = doloris_cells(train)
        config = self._config(self._cells, train.kind)
        self._model = Doloris(config).fit(
            self._cells.training, self._cells.priors, seed=seed, device=device, progress=progress
        )
        self._source_seed, self._target_sum = seed, train.target_sum
        drugs = self._cells.drugs
        self._drug_numbers = {name: number for number, name in enumerate(drugs.names)} if drugs else {}
        parts = self._model.parts
        self._record = {
            "widths": asdict(config.widths),
            "parameters": sum(
                p.numel() for module in (parts.denoiser, parts.mask) if module for p in module.parameters()
            ),
            "steps": config.steps,
            "effect_sources": list(parts.effects.kernel.sources) if parts.effects else [],
            "intra_distance_controls": {
                name: intra_distance(self._cells.training.controls_of(number)[:200].toarray())
                for name, number in self._cells.cell_types.items()
            },
            "latent": self._latent,
            "intra_distance": self._intra_distance,
        }

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Cells of one condition: (n_cells, n_genes), log-normalised."""
        return self._sample([query], n_cells, [seed])[0]

    def predict_many(
        self, queries: Iterable[Query], *, n_cells: int, seed: int
    ) -> Iterator[tuple[Query, np.ndarray | Unsupported]]:
        """Cells of many conditions; control latents are computed once per cell type (A.4)."""
        asked = list(queries)
        refusals = {query.condition.key: self._refusal(query) for query in asked}
        able = [query for query in asked if refusals[query.condition.key] is None]
        yield from ((query, why) for query in asked if (why := refusals[query.condition.key]) is not None)
        for cell_type in dict.fromkeys(query.condition.cell_type for query in able):
            group = [query for query in able if query.condition.cell_type == cell_type]
            seeds = [condition_seed(seed, query.condition) for query in group]
            yield from zip(group, self._sample(group, n_cells, seeds), strict=True)

    def _refusal(self, query: Query) -> Unsupported | None:
        from doloris.errors import UnknownPerturbation

        try:
            asked = self._perturbation(query)  # may add a drug to the model
            self._model.parts.check(asked)
        except Unsupported as why:
            return why
        except UnknownPerturbation as why:
            return Unsupported(str(why))
        return None

    def _perturbation(self, query: Query) -> Perturbation:
        from methods.doloris_cells import perturbation

        if query.controls.n_obs < 2:
            raise Unsupported(f"fewer than two training control cells of cell type {query.condition.cell_type!r}")
        condition = query.condition
        cell_type = self._cells.cell_type(condition)
        if condition.modality == "treatment" and condition.label not in self._drug_numbers:
            self._add_drug(condition)
        return perturbation(condition, cell_type, self._drug_numbers.get(condition.label))

    def _add_drug(self, condition: Condition) -> None:
        if self._cells.drugs is None:
            raise Unsupported("the model was trained on genes")
        vector = self._cells.drugs.of_new([condition.smiles])
        self._drug_numbers[condition.label] = self._model.add_drugs(vector)[0]

    def _sample(self, queries: Sequence[Query], n_cells: int, seeds: Sequence[int]) -> list[np.ndarray]:
        """Cells of conditions of one cell type; the latents depend on the fit's seed, so all conditions share them."""
        from dataclasses import asdict

        from doloris.diagnostics import intra_distance
        from doloris.errors import UnknownPerturbation

        conditions = [self._perturbation(query) for query in queries]
        cell_type = conditions[0].cell_type
        try:
            cells = self._model.sample(
                conditions,
                {cell_type: queries[0].controls.X},
                n_cells=n_cells,
                seed=self._source_seed,
                condition_seeds=seeds,
                sampling_steps=self.nfe,
            )
        except UnknownPerturbation as why:
            raise Unsupported(str(why)) from why
        limit = np.log1p(self._target_sum)
        self._clipped += sum(int((block > limit).sum()) for block in cells)
        cells = [np.minimum(block, limit) for block in cells]
        name = next(name for name, number in self._cells.cell_types.items() if number == cell_type)
        self._latent[name] = asdict(self._model.latent[cell_type])
        if n_cells > 1:
            keys = [query.condition.key for query in queries]
            self._intra_distance.update(zip(keys, map(intra_distance, cells), strict=True))
        return cells

    def _config(self, cells: DolorisCells, task: TaskKind) -> DolorisConfig:
        from dataclasses import replace

        from doloris import corrected, no_control_moments, no_latent, no_mask, paper, released, small

        kind: Literal["gene", "drug"] = "gene" if cells.training.drug_vectors is None else "drug"
        config = (
            corrected() if self.preset == "corrected" else {"paper": paper, "released": released}[self.preset](kind)
        )
        if self.preset == "released" and task is TaskKind.OOD_DRUG:
            # on unseen drugs the release sets others than on unseen doses and cell types (section 7)
            config = replace(config, mask_high=0.95, mask_low=0.05)
        entries = cells.training.n_cells * len(cells.training.genes)
        if self.size == "small" or (self.size == "auto" and entries < LARGE):
            config = small(config)
        leave_out = {"control-moments": no_control_moments, "latent": no_latent, "mask": no_mask}.get(self.without)
        config = leave_out(config) if leave_out else config
        if not self.steps:
            return config
        # fewer steps are the beginning of the preset's training, not a faster anneal
        return replace(config, steps=self.steps, anneal_steps=max(config.steps, self.steps))


class Doloris(_DolorisMethod):
    """Two conditional diffusions bridged through one latent, with a sparsity mask; listed defects mended."""

    name = "doloris"
    preset = "corrected"

    def __init__(self, size: str = "auto", without: str = "nothing", nfe: int = 50, steps: int = 0) -> None:
        super().__init__(size, without, nfe, steps)


class DolorisPaper(_DolorisMethod):
    """Doloris as the paper's text describes it."""

    name = "doloris-paper"
    preset = "paper"
    by_default = False


class DolorisReleased(_DolorisMethod):
    """Doloris as its released code computes, defects included."""

    name = "doloris-released"
    preset = "released"
    by_default = False
