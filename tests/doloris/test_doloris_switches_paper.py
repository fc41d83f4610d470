"""What the paper says a part of the model is given, or does, is what that part is given and does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from doloris_scenes import GENES, screen, tiny
from scipy.sparse import csr_matrix

from doloris import Doloris, Perturbation, Priors, TrainingCells, no_control_moments, paper, released
from doloris.assembly import build_networks, make_graph
from doloris.cell_space import CellSpace
from doloris.cell_store import CellStore
from doloris.conditioning import condition_rows
from doloris.denoiser import NoisyCells
from doloris.mask_model import MaskInputs, MaskModel
from doloris.mask_training import MaskObjective
from doloris.moments import control_moments, expressed_moments
from doloris.objective import DiffusionObjective
from doloris.schedule import make_schedule

pytestmark = pytest.mark.filterwarnings("ignore::doloris.diagnostics.LatentWarning")
CPU = torch.device("cpu")
CONTROL, A, B = (Perturbation(genes=genes) for genes in ((), ("A",), ("B",)))
PANEL = {"A": 0, "B": 1, "C": 2, "D": 3}
DRUGS = torch.linspace(-1.0, 1.0, 10).reshape(2, 5)


def networks(config, n_cell_types=1, drug_vectors=None):
    """Denoiser and mask model of random weights over four genes that no edge joins."""
    torch.manual_seed(0)
    config = tiny(config)
    features, edges = torch.randn(len(PANEL), config.n_features), torch.zeros(2, 0, dtype=torch.long)
    denoiser, _, mask = build_networks(tuple(PANEL), n_cell_types, features, edges, drug_vectors, config)
    return denoiser.eval(), mask.eval()


def rows_of(*conditions):
    return condition_rows(conditions, PANEL, CPU)


def noisy(conditions, values, control=None) -> NoisyCells:
    n = len(conditions)
    return NoisyCells(values, torch.full((n,), 3), torch.full((n, 1), 0.5), rows_of(*conditions), control)


def always(layers, value: float) -> None:
    """Make an MLP answer the same for every input."""
    torch.nn.init.zeros_(layers.layers[-1].weight)
    torch.nn.init.constant_(layers.layers[-1].bias, value)


def two_cell_types() -> TrainingCells:
    """Controls of cell type 0 around (1, 2, 3, 0), of type 1 around (4, 0, 1, 2), some genes off; both perturbed."""
    rng = np.random.default_rng(0)
    typical = np.repeat([[1.0, 2.0, 3.0, 0.0], [4.0, 0.0, 1.0, 2.0]], 40, axis=0)
    controls = typical * rng.uniform(0.5, 1.5, typical.shape) * (rng.random(typical.shape) < 0.8)
    values = np.concatenate([controls, np.full((20, 4), 8.0)])
    conditions = (CONTROL, Perturbation(cell_type=1), A, Perturbation(genes=("A",), cell_type=1))
    return TrainingCells(values, tuple(PANEL), conditions, np.repeat([0, 1, 2, 3], [40, 40, 10, 10]), n_cell_types=2)


class Recorder(MaskModel):
    """Stands for either network: keeps what it is given of the controls, and answers ones."""

    def __init__(self):
        super().__init__()
        self.given = []

    def encode_graph(self):
        return None

    def forward(self, cells, encoded):
        self.given.append(cells.control)
        return torch.ones_like(cells.values)

    def log_odds(self, inputs):
        self.given.append(inputs.source)
        return torch.ones_like(inputs.source)


def fitted_space(cells, config) -> CellSpace:
    space = CellSpace(len(cells.genes), cells.n_cell_types, config)
    space.set_moments(cells, control_moments(cells), expressed_moments(cells))
    return space


def diffusion_objective(cells, config, denoiser) -> DiffusionObjective:
    return DiffusionObjective(
        denoiser=denoiser,
        space=fitted_space(cells, config),
        store=CellStore(cells.values, CPU),
        labels=torch.from_numpy(cells.labels),
        levels=torch.zeros(cells.n_cells),
        conditions=condition_rows(cells.conditions, PANEL, CPU),
        shifts=None,
        schedule=make_schedule(40, 8, "leading"),
        config=config,
    )


def given_in_training(model: str, cells, config, cell_type: int) -> torch.Tensor:
    """What the diffusion or the mask model is given of the controls for 4,000 treated cells of a type: (4000, G)."""
    recorder, generator = Recorder(), torch.Generator().manual_seed(0)
    treated = torch.from_numpy(np.flatnonzero(~cells.control & (cells.cell_type == cell_type)))
    if model == "diffusion":
        diffusion_objective(cells, config, recorder).of(treated.repeat(400), generator)
    else:
        objective = MaskObjective(
            model=recorder,
            space=fitted_space(cells, config),
            store=CellStore(cells.values, CPU),
            labels=torch.from_numpy(cells.labels),
            conditions=condition_rows(cells.conditions, PANEL, CPU),
            effect=None,
            own=None,
            offsets=None,
            config=replace(config, batch_size=4000),
        )
        objective.draw(treated, generator)
    (given,) = recorder.given
    return given


@pytest.mark.parametrize("cell_type", [0, 1])
@pytest.mark.parametrize("model", ["diffusion", "mask"])
def test_in_training_the_control_is_the_control_mean_plus_noise_of_the_control_deviation(model, cell_type):
    cells = two_cell_types()
    given = given_in_training(model, cells, paper(), cell_type)
    controls = cells.controls_of(cell_type).toarray() / cells.values.max()
    error = 5 * controls.std(axis=0, ddof=1) / 4000**0.5 + 1e-6
    assert (np.abs(given.mean(dim=0).numpy() - controls.mean(axis=0)) <= error).all()
    np.testing.assert_allclose(given.std(dim=0), controls.std(axis=0, ddof=1), rtol=0.06)


@pytest.mark.parametrize("model", ["diffusion", "mask"])
def test_without_control_moments_neither_model_is_told_of_the_controls_in_training(model):
    cells, config = two_cell_types(), no_control_moments(paper())
    if model == "mask":
        assert not given_in_training(model, cells, config, 0).any()
        return
    recorder = Recorder()
    diffusion_objective(cells, config, recorder).of(torch.arange(8), torch.Generator())
    assert recorder.given == [None]


@pytest.mark.parametrize(("genes", "loss"), [("expressed", (0.0 + 0.25) / 2), ("all", (3 / 4 + 0.25) / 2)])
def test_the_loss_is_of_expressed_genes_unless_it_is_of_all(genes, loss):
    values = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 2.0], [4.0, 0.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    cells = TrainingCells(values, tuple(PANEL), (CONTROL, A), np.array([0, 0, 1, 1]))
    objective = diffusion_objective(cells, replace(paper(), loss_genes=genes), Recorder())
    # ones are predicted for the scaled cells (1, 0, 0, 0) and (.5, .5, .5, .5)
    assert objective.of(torch.tensor([2, 3]), torch.Generator()).item() == pytest.approx(loss, rel=1e-5)


def test_at_inference_the_control_added_is_the_very_cell_that_the_latent_is_of():
    cells = screen()
    config = replace(released(), mask="none", log1p_again=False)
    model = Doloris(tiny(config, steps=1)).fit(cells, seed=0)
    always(model.parts.denoiser.decoders["treated"], 0.0)
    bridge = model.bridge(None)
    source = bridge.source(cells.controls_of(0), 0, 7, seed=0)
    (sampled,) = bridge.cells([Perturbation(genes=("G0",))], source, 7, [0])
    np.testing.assert_allclose(sampled, source.cells[:7], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "told"),
    [({}, True), ({"control_information": "none"}, False), ({"control_moments": False}, False)],
    ids=["paper", "no control information", "no control moments"],
)
def test_at_inference_the_target_model_of_the_paper_sees_the_control_cell(change, told):
    cells = screen()
    config = replace(paper(), mask="none", latent="gaussian", **change)
    model = Doloris(tiny(config, steps=1)).fit(cells, seed=0)
    controls = cells.controls_of(0).toarray()

    def sampled(values):
        return model.sample([Perturbation(genes=("G0",))], {0: csr_matrix(values)}, n_cells=5, seed=0)[0]

    # the latents are noise of the seed, so the control cells can enter as an input alone
    assert np.array_equal(sampled(controls), sampled(controls[:, ::-1])) != told


def test_the_source_model_is_not_given_the_controls():
    denoiser, _ = networks(paper())
    conditions, values = [A, CONTROL, B, CONTROL], torch.randn(4, 4)
    first, second = (
        denoiser(noisy(conditions, values, control), denoiser.encode_graph()) for control in torch.randn(2, 4, 4)
    )
    changed = (first - second).abs().amax(dim=1) > 1e-5
    assert changed.tolist() == [True, False, True, False]


@pytest.mark.parametrize("make", [paper, released])
def test_controls_are_decoded_by_the_source_decoder_and_treated_cells_by_the_target_decoder(make):
    denoiser, _ = networks(make())
    always(denoiser.decoders["control"], 1.0)
    always(denoiser.decoders["treated"], 2.0)
    out = denoiser(noisy([A, CONTROL, B], torch.randn(3, 4)), denoiser.encode_graph())
    torch.testing.assert_close(out, torch.tensor([[2.0], [1.0], [2.0]]).expand(3, 4))


def test_the_condition_vector_of_a_control_is_its_learned_token_decoded():
    conditioning = networks(paper())[0].conditioning
    vectors = conditioning(rows_of(CONTROL, A), conditioning.encode_graph())
    token = conditioning.decode(conditioning.control)[0]
    torch.testing.assert_close(vectors[0], token)
    assert not torch.allclose(vectors[1], token, atol=1e-3)


@pytest.mark.parametrize("genes", [("A",), ("A", "B")], ids=["one gene", "pair"])
def test_the_paper_sets_genes_at_95_and_5_per_cent_and_leaves_the_others_to_the_reference(genes):
    # cells of a reference express B and C and neither A nor D
    values = np.repeat([[0.0, 1.0, 1.0, 0.0]], 20, axis=0) * np.random.default_rng(0).uniform(1, 2, (20, 4))
    cells = TrainingCells(values, tuple(PANEL), (CONTROL, A), np.repeat([0, 1], 10))
    model = Doloris(tiny(paper(), steps=1)).fit(cells, seed=0)
    always(model.parts.denoiser.decoders["treated"], 1.0)
    probability = torch.tensor([0.96, 0.04, 0.06, 0.94])
    model.parts.mask.probabilities = lambda inputs: probability.expand(len(inputs.source), -1)
    (sampled,) = model.sample([Perturbation(genes=genes)], {0: cells.controls_of(0)}, n_cells=10, seed=0)
    assert ((sampled > 0) == [True, False, True, False]).all()


def test_the_dose_gates_the_vector_of_a_drug():
    conditioning = networks(paper("drug"), drug_vectors=DRUGS)[0].conditioning
    rows = rows_of(Perturbation(drug=1, dose=10.0), Perturbation(drug=1, dose=10_000.0))
    low, high = conditioning.drugs(rows.drug, rows.dose)
    ratio = high / low
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))  # the dose scales a vector and does not turn it
    assert abs(ratio[0].item() - 1.0) > 1e-3
    molecule = conditioning.drugs.molecule(DRUGS[1:])[0]
    assert ((high / molecule > 0) & (high / molecule < 1)).all()


def test_the_networks_dose_is_one_at_ten_micromolar():
    assert rows_of(Perturbation(drug=0, dose=10_000.0), Perturbation(drug=0, dose=10.0)).dose.tolist() == pytest.approx(
        [1.0, 0.001]
    )


@pytest.mark.parametrize("other", [Perturbation(drug=0, dose=10_000.0), Perturbation(drug=1, dose=10.0)])
def test_the_mask_model_sees_drug_and_dose(other):
    _, mask = networks(paper("drug"), drug_vectors=DRUGS)
    first, second = mask.log_odds(MaskInputs(rows_of(Perturbation(drug=0, dose=10.0), other), torch.zeros(2, 4)))
    assert (first - second).abs().max() > 1e-4


def test_genes_with_similar_tokens_are_joined():
    tokens = np.full((len(GENES), 2), np.nan)
    tokens[[3, 8, 11]] = [[1.0, 0.0], [0.5, 0.0], [0.6, 0.8]]  # cosines 1, .6 and .6

    def edges(token_threshold):
        config = replace(tiny(paper()), coexpression_threshold=2.0, token_threshold=token_threshold)
        graph = make_graph(screen(), Priors(token_embeddings=tokens), config, np.random.default_rng(0))
        return {tuple(sorted(pair)) for pair in graph.edges.T.tolist()}

    assert edges(0.5) == {(3, 8), (3, 11), (8, 11)}
    assert edges(0.7) == {(3, 8)}


def test_the_trunk_sees_the_cell_type_beside_the_condition_vector():
    denoiser, _ = networks(paper(), n_cell_types=2)
    always(denoiser.conditioning.decode, 0.0)
    conditions = [A, Perturbation(genes=("A",), cell_type=1)]
    first, second = denoiser(noisy(conditions, torch.ones(2, 4)), denoiser.encode_graph())
    assert (first - second).abs().max() > 1e-4


def test_the_condition_vector_and_the_mask_model_see_the_cell_type():
    denoiser, mask = networks(paper(), n_cell_types=2)
    rows = rows_of(A, Perturbation(genes=("A",), cell_type=1))
    first, second = denoiser.conditioning(rows, denoiser.encode_graph())
    assert (first - second).abs().max() > 1e-4
    first, second = mask.log_odds(MaskInputs(rows, torch.zeros(2, 4)))
    assert (first - second).abs().max() > 1e-4


def test_in_the_mask_model_a_token_takes_the_place_of_each_perturbed_gene():
    _, mask = networks(paper())
    source = torch.rand(3, 4)
    # no edges: what a gene's node holds reaches that gene alone
    plain, single, pair = mask.log_odds(
        MaskInputs(rows_of(CONTROL, B, Perturbation(genes=("B", "D"))), source[:1].expand(3, -1))
    )
    assert ((single - plain).abs() > 1e-4).tolist() == [False, True, False, False]
    assert ((pair - plain).abs() > 1e-4).tolist() == [False, True, False, True]
    elsewhere = mask.log_odds(MaskInputs(rows_of(B), source[1:2]))[0] - source[1]
    here = single - source[0]
    # the node of a perturbed gene no longer holds its value
    assert ((elsewhere - here).abs() > 1e-5).tolist() == [True, False, True, True]


def test_the_value_of_the_control_is_part_of_the_mask_logit():
    _, mask = networks(paper())
    torch.nn.init.zeros_(mask.weight)
    source = torch.rand(2, 4)
    torch.testing.assert_close(mask.log_odds(MaskInputs(rows_of(A, B), source)), mask.bias + source)
