"""GEARS from its own package."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import CONTROL, Condition, TaskKind
from methods.gene_graph import graph_names
from methods.packages.installed import missing, version
from methods.packages.perturbation_graph import linked_genes, perturbation_edges
from methods.packages.seeding import global_seeds
from methods.sampling import draw_rows

if TYPE_CHECKING:
    from anndata import AnnData

PACKAGE = "cell-gears"
_SCREEN = "screen"  # what the package calls the data set in its folder
_RANKED_GENES = 20  # the package compares epochs on so many genes per condition


class Gears(Method):
    """GEARS (Roohani et al. 2023), cell-gears 0.1.2: perturbed genes embedded over a gene graph.

    The perturbation graph is the user's (GO similarity, as the authors use), its 20 strongest sources per gene
    and the gene itself; without one, co-expression in the training controls stands in for it and the method is
    named ``gears-coexpr``. A gene without a node is refused, which the package would train as unperturbed. So is
    an unseen one that neither is nor receives from a source of a gene perturbed in training (validation left out):
    the package would predict it from untrained embeddings alone.

    Authors' settings: hidden size 64, batches of 32, 20 epochs, the best by the error on the 20 top genes of the
    validation conditions; a tenth of the conditions validates where none is marked. The package is run in a
    folder of its own, reads no file of the network, and draws from global generators, which are seeded.

    A known property: the network never reads the control cell, to which its output is added. So all cells get
    the same shift (but for the first of each batch, the only one that co-expression messages reach), and the
    predicted spread is that of the controls. Values below 0 are clipped.
    """

    name = "gears"
    tasks = frozenset({TaskKind.UNSEEN_GENE, TaskKind.DOUBLE_GENE})
    by_default = False

    epochs: ClassVar[int] = 20
    batch_size: ClassVar[int] = 32
    hidden_size: ClassVar[int] = 64

    def unavailable(self) -> str | None:
        """Whether the package is missing."""
        return missing(PACKAGE, extra="gears")

    def configuration(self) -> Mapping[str, object]:
        """Settings, and the package's version."""
        return {
            PACKAGE: version(PACKAGE),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "hidden_size": self.hidden_size,
        }

    def label(self, conditions: Collection[Condition], supplied: Collection[str]) -> str:
        """``gears+go`` with the user's gene graph of that name, ``gears-coexpr`` without any."""
        graphs = graph_names(supplied)
        return "+".join([self.name, *graphs]) if graphs else f"{self.name}-coexpr"

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Train on conditions whose genes have a node, in a folder of its own."""
        self._edges = perturbation_edges(train)
        adata, validation = self._screen(train, seed)
        names = set(adata.obs["condition"]) - set(validation)
        trained = [condition for condition in train.conditions.values() if package_name(condition) in names]
        self._linked = linked_genes(self._edges, {gene for condition in trained for gene in condition.perturbations})
        with tempfile.TemporaryDirectory(prefix="gears-") as folder, global_seeds(seed):
            self._train(adata, validation, Path(folder), device, progress)
        self._device, self._target_sum = device, train.target_sum

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Training controls plus the predicted shift, clipped to what cells can be: (n_cells, n_genes)."""
        import torch
        from torch_geometric.data import Batch, Data

        genes = self._nodes_of(query.condition)
        rows = draw_rows(np.arange(query.controls.n_obs), n_cells, seed=seed)
        controls = torch.as_tensor(query.controls.X[rows].toarray())
        graphs = [
            Data(x=cell[:, None], pert_idx=genes, pert="+".join(query.condition.perturbations)) for cell in controls
        ]
        with torch.no_grad():
            predicted = self._network(Batch.from_data_list(graphs).to(self._device)).cpu().numpy()
        cells: np.ndarray = np.clip(predicted, 0, np.float32(np.log1p(self._target_sum)))
        return cells

    def _nodes_of(self, condition: Condition) -> list[int]:
        """Nodes of the perturbed genes; the package's -1 for none."""
        absent = [gene for gene in condition.perturbations if gene not in self._nodes]
        if absent:
            raise Unsupported(f"{', '.join(absent)} has no node in the gene graph")
        untrained = [gene for gene in condition.perturbations if gene not in self._linked]
        if untrained:
            raise Unsupported(
                f"{', '.join(untrained)} is unseen, and the gene graph links it to no gene whose embedding is trained"
            )
        return [self._nodes[gene] for gene in condition.perturbations] or [-1]

    def _screen(self, train: TrainingData, seed: int) -> tuple[AnnData, list[str]]:
        """Cells as the package wants them, and the names of the validation conditions."""
        import anndata

        if len({condition.cell_type for condition in train.conditions.values()}) > 1:
            raise Unsupported(
                "pairs a cell with a control of any cell type, so it knows screens of one cell type alone"
            )
        if len(train.genes) < _RANKED_GENES:
            raise Unsupported(f"ranks {_RANKED_GENES} genes per condition, and the panel has {len(train.genes)}")
        nodes = set(self._edges["target"])
        counts = train.adata.obs["condition"].astype(str).value_counts()
        kept = {
            key: package_name(condition)
            for key, condition in train.conditions.items()
            if nodes >= set(condition.perturbations) and counts[key] > 1  # its t-test needs two cells
        }
        perturbed = sorted(name for name in kept.values() if name != CONTROL)
        if len(perturbed) < 2 or CONTROL not in kept.values():
            raise Unsupported("needs controls and two training conditions whose genes have a node in the gene graph")
        labels = train.adata.obs["condition"].astype(str)
        rows = labels.isin(list(kept)).to_numpy()
        obs = pd.DataFrame(
            {"condition": labels[rows].map(kept).to_numpy(dtype=str), "cell_type": "cell"},
            index=train.adata.obs_names[rows].astype(str),
        )
        var = pd.DataFrame({"gene_name": train.genes.astype(str)}, index=train.genes.astype(str))
        adata = anndata.AnnData(train.adata.X[rows].copy(), obs=obs, var=var)
        return adata, self._validation(train, kept, perturbed, seed)

    def _validation(self, train: TrainingData, kept: Mapping[str, str], perturbed: list[str], seed: int) -> list[str]:
        marked = train.adata.obs["condition"][train.adata.obs["validation"].to_numpy(dtype=bool)].astype(str)
        named = sorted({kept[key] for key in marked if key in kept})
        if named and len(named) < len(perturbed):
            return named
        drawn = np.random.default_rng(seed).permutation(perturbed)
        return sorted(drawn[: max(1, len(perturbed) // 10)])

    def _train(self, adata: AnnData, validation: list[str], folder: Path, device: str, progress: Progress) -> None:
        import gears
        import torch

        names = sorted(set(self._edges["target"]))
        # The package drops genes without GO terms from the graph, and finds them in a file it would download.
        _pickle({name: {"node"} for name in names}, folder / "gene2go_all.pkl")
        _pickle(names, folder / "nodes.pkl")
        conditions = sorted(set(adata.obs["condition"]) - set(validation))
        _pickle({"train": conditions, "val": validation, "test": []}, folder / "split.pkl")
        data = gears.PertData(str(folder), gene_set_path=str(folder / "nodes.pkl"), default_pert_graph=False)
        data.new_data_process(_SCREEN, adata=adata)
        data.prepare_split("custom", split_dict_path=str(folder / "split.pkl"))
        n_cells = int(adata.obs["condition"].isin(conditions).sum())
        data.get_dataloader(min(self.batch_size, n_cells))
        del data.dataloader["test_loader"]  # it would be predicted and analysed after training
        data.dataloader["train_loader"] = _Watched(data.dataloader["train_loader"], progress, passes=2 * self.epochs)

        self._nodes: dict[str, int] = data.node_map_pert
        graph = [(self._nodes[edge.source], self._nodes[edge.target]) for edge in self._edges.itertuples()]
        with _series_have_nonzero():
            model = gears.GEARS(data, device=device)
        model.model_initialize(
            hidden_size=self.hidden_size,
            G_go=torch.tensor(graph).T.contiguous(),
            G_go_weight=torch.tensor(self._edges["weight"].to_numpy(dtype=np.float32)),
        )
        model.train(epochs=self.epochs)
        self._network: Any = model.best_model.to(device).eval()


class _Watched:
    """A data loader that reports how many of its batches were handed out."""

    def __init__(self, loader: Any, progress: Progress, passes: int) -> None:
        self._loader = loader
        self._progress = progress
        self._total = passes * max(1, len(loader))
        self._done = 0

    def __iter__(self) -> Iterator[Any]:
        for batch in self._loader:
            yield batch
            self._done += 1
            self._progress(self._done, self._total)


def package_name(condition: Condition) -> str:
    """A condition as the package writes it: ``ctrl``, ``A+ctrl``, ``A+B``."""
    genes = condition.perturbations
    return f"{genes[0]}+{CONTROL}" if len(genes) == 1 else condition.label


def _pickle(value: object, path: Path) -> None:
    """Write what the package reads; nothing that came from a user is unpickled."""
    with path.open("wb") as stream:
        pickle.dump(value, stream)


@contextmanager
def _series_have_nonzero() -> Iterator[None]:
    """Let scipy index a matrix by a boolean Series, as the package does; pandas has dropped what it calls."""
    series: Any = pd.Series
    if hasattr(series, "nonzero"):
        yield
        return
    series.nonzero = lambda values: values.to_numpy().nonzero()
    try:
        yield
    finally:
        del series.nonzero
