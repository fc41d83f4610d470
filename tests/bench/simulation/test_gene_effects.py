from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bench.simulation import gene_graph, oracle_cells, true_mean, truth
from bench.simulation.design import make_design
from bench.simulation.network import make_network
from bench.simulation.presets import PRESETS
from bench.simulation.world import build_world


def singles(name: str) -> list[str]:
    return list(make_design(PRESETS[name]).genes)


@pytest.mark.parametrize(("name", "sign"), [("sim_single", -1), ("sim_double", 1)])
def test_a_knock_down_lowers_its_own_gene_and_an_activation_raises_it(name, sign):
    effects = truth(name).effects
    own = [effects.loc[gene, gene] for gene in singles(name) if gene in effects]
    assert np.all(sign * np.array(own) > 1.5)


def test_a_knock_down_shows_in_the_cells():
    effects = truth("sim_single").effects
    control = dict(zip(effects.columns, true_mean("sim_single", "ctrl"), strict=True))
    measured = [gene for gene in singles("sim_single") if control.get(gene, 0.0) > 0.5]
    lowered = 0
    for gene in measured:
        mean = true_mean("sim_single", gene, n_cells=1000)[effects.columns.get_loc(gene)]
        lowered += mean < 0.8 * control[gene]
    assert len(measured) >= 15
    assert lowered == len(measured)


@pytest.mark.parametrize("name", ["sim_single", "sim_double", "sim_double_full"])
def test_genes_of_one_pathway_act_more_alike_than_others(name):
    world, effects = build_world(name), truth(name).effects
    alike, others = [], []
    for one, two in combinations(singles(name), 2):
        same = world.network.module[one] == world.network.module[two]
        (alike if same else others).append(np.corrcoef(effects.loc[one], effects.loc[two])[0, 1])
    assert np.median(alike) > np.median(others) + 0.15


def test_genes_act_through_the_network():
    world, effects = build_world("sim_double"), truth("sim_double").effects
    reached = world.network.downstream(world.design.genes)[:, : len(world.panel.genes)] != 0
    moved = effects.loc[list(world.design.genes)].to_numpy() != 0
    own = np.array([[column == gene for column in effects.columns] for gene in world.design.genes])
    assert np.array_equal(moved, reached | own)
    assert 0.02 < moved.mean() < 0.6


def test_a_wave_travels_three_steps_along_signed_edges():
    rng = np.random.default_rng(0)
    genes = [f"g{i}" for i in range(60)]
    network = make_network(rng, genes, [["g0", "g1"], ["g2", "hidden"]], np.ones(60))
    matrix = network.weights.toarray()
    expected = matrix + matrix @ matrix + matrix @ matrix @ matrix
    rows = [network.nodes.index(gene) for gene in ("g0", "hidden")]
    assert np.allclose(network.downstream(["g0", "hidden"]), expected[rows])
    assert network.nodes[-1] == "hidden"


def test_some_cells_escape_so_the_response_is_not_a_shift_of_the_mean():
    effects, escape = truth("sim_double").effects, truth("sim_double").escape
    strong = (effects.loc[singles("sim_double")] ** 2).sum(axis=1).idxmax()
    direction = effects.loc[strong].to_numpy()
    cells, control = (
        oracle_cells("sim_double", key, 800, seed=0).toarray() @ direction / np.linalg.norm(direction)
        for key in (strong, "ctrl")
    )
    assert cells.std() > 1.5 * control.std()
    unmoved = np.mean(cells < np.quantile(control, 0.95))
    assert escape[strong] > 0.02
    assert unmoved == pytest.approx(escape[strong], abs=0.1)


def test_perturbations_turn_switches():
    world = build_world("sim_double")
    turned = [np.abs(world.effects.responses[gene].switches).max() for gene in world.design.genes]
    assert 0.2 < np.mean(np.array(turned) > 0.5) < 0.9


def test_switch_genes_are_found_in_two_states():
    world = build_world("sim_single")
    genes = list(truth("sim_single").switch_genes)
    assert len(genes) >= 20
    columns = [world.panel.genes.index(gene) for gene in genes]
    cells = oracle_cells("sim_single", "ctrl", 1500, seed=0).toarray()
    together = np.corrcoef(cells[:, columns].T)
    others = np.corrcoef(cells[:, np.setdiff1d(np.arange(cells.shape[1]), columns)[:100]].T)
    assert np.nanquantile(together, 0.75) > np.nanquantile(others, 0.75) + 0.05


def test_the_public_graph_misses_edges_and_has_false_ones():
    graph = gene_graph("sim_single")
    assert list(graph.columns) == ["source", "target", "weight"]
    assert (graph["weight"] > 0).all()
    assert not graph.duplicated(["source", "target"]).any()
    true = set(zip(*truth("sim_single").network[["source", "target"]].to_numpy().T, strict=True))
    shown = set(zip(graph["source"], graph["target"], strict=True))
    assert 0.65 < len(true & shown) / len(true) < 0.85
    assert 0.1 < len(shown - true) / len(shown) < 0.3


def test_the_public_graph_names_genes_that_are_not_measured():
    unmeasured = make_design(PRESETS["sim_single"]).unmeasured
    assert unmeasured & set(gene_graph("sim_single")["source"])


def test_the_network_helps_to_predict_an_unseen_gene():
    """Two-step neighbourhoods in the noisy graph tell which training perturbations resemble the new one."""
    effects, graph = truth("sim_double").effects, gene_graph("sim_double")
    targets = graph.groupby("source")["target"].agg(set)
    genes = [gene for gene in singles("sim_double") if gene in targets]
    reach = {gene: set().union(targets[gene], *(targets.get(t, set()) for t in targets[gene])) for gene in genes}
    informed, blind = [], []
    for gene in genes:
        others = [other for other in genes if other != gene]
        overlap = np.array([len(reach[gene] & reach[other]) / len(reach[gene] | reach[other]) for other in others])
        nearest = [others[i] for i in np.argsort(-overlap)[:3]]
        real = effects.loc[gene].drop(labels=[gene], errors="ignore")
        informed.append(np.corrcoef(effects.loc[nearest, real.index].mean(), real)[0, 1])
        blind.append(np.corrcoef(effects.loc[others, real.index].mean(), real)[0, 1])
    assert np.mean(informed) > np.mean(blind) + 0.03
