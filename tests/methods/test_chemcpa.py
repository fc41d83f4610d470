"""chemCPA: what drug, dose and adversaries do, what it refuses and how it is named."""

import numpy as np
import pytest
import torch
from network_scenes import ask, fitted, make_screen, shrunk
from scipy.sparse import csr_matrix

from methods.base import Unsupported
from methods.chemcpa import ChemCpa, ChemCpaConfig
from methods.conditions import TaskKind, treatment_condition
from methods.networks.batches import DeviceCells
from methods.networks.chemcpa import ChemCpaData, ChemCpaNetwork, ChemCpaTrainer, Treatments

SMALL = {"hidden": 16, "latent": 8, "depth": 1, "epochs": 2, "batch_size": 64}
KEYS = ("ctrl|s", "ctrl|t", "X@10|s", "X@100|s", "Y@10|s", "Y@100|s", "X@10|t", "Z@10|t")
DRUG = treatment_condition("X", dose=10, smiles="CCO")
CYTOKINE = treatment_condition("IFNb")


def drug_screen(*, kind=TaskKind.UNSEEN_COVARIATE, structures=True):
    return make_screen(KEYS, modality="treatment", kind=kind, structures=structures)


def network(**settings):
    return ChemCpaNetwork(6, 3, 2, ChemCpaConfig(hidden=8, latent=4, depth=1, **settings)).eval()


def treatment(*, drugged, drug=1.0, dose=0.5):
    return Treatments(torch.full((1, 3), drug), torch.tensor([dose]), torch.tensor([float(drugged)]), torch.tensor([0]))


def test_a_control_is_decoded_without_any_drug():
    model, basal = network(), torch.randn(5, 4)
    one, other = (model.decode(basal, treatment(drugged=False, drug=drug))[0] for drug in (1.0, -2.0))
    assert torch.equal(one, other)
    assert not torch.allclose(one, model.decode(basal, treatment(drugged=True))[0])


def test_drug_and_dose_change_what_is_decoded():
    model, basal = network(), torch.randn(5, 4)
    base = model.decode(basal, treatment(drugged=True))[0]
    assert not torch.allclose(base, model.decode(basal, treatment(drugged=True, drug=-2.0))[0])
    assert not torch.allclose(base, model.decode(basal, treatment(drugged=True, dose=1.0))[0])


@pytest.mark.parametrize(("activation", "reaches_below_zero"), [("none", True), ("relu", False)])
def test_the_mean_passes_through_the_activation_and_the_variance_has_a_floor(activation, reaches_below_zero):
    mean, variance = network(activation=activation).decode(10 * torch.randn(50, 4), treatment(drugged=True))
    assert bool((mean < 0).any()) == reaches_below_zero
    assert variance.min() >= 1e-6


@pytest.fixture
def trainer():
    torch.manual_seed(0)
    data = ChemCpaData(
        cells=DeviceCells(csr_matrix(np.random.default_rng(0).random((40, 6), dtype=np.float32)), "cpu"),
        condition_of=torch.arange(40) % 2,
        treatments=Treatments(torch.eye(2, 3), torch.ones(2), torch.tensor([0.0, 1.0]), torch.tensor([0, 0])),
        drug_class=torch.tensor([0, 1]),
        n_drugs=2,
        n_types=1,
    )
    return ChemCpaTrainer(data, ChemCpaConfig(hidden=8, latent=4, depth=1, adversary_steps=3, batch_size=10), "cpu")


def parameters(module):
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_every_so_many_batches_one_trains_the_adversaries_alone_and_the_others_the_autoencoder_alone(trainer):
    moved = []
    trainer._steps = 0
    for name in ("_train_autoencoder", "_train_adversaries"):
        train_on = getattr(trainer, name)

        def watched(index, train_on=train_on):
            before = parameters(trainer.network), parameters(trainer._drug_adversary)
            result = train_on(index)
            after = parameters(trainer.network), parameters(trainer._drug_adversary)
            moved.append(tuple(not same(one, other) for one, other in zip(before, after, strict=True)))
            return result

        setattr(trainer, name, watched)
    trainer._epoch()
    assert moved == [(True, False), (True, False), (False, True), (True, False)]


def test_adversaries_learn_the_drug_and_the_encoder_unlearns_it(trainer):
    index = torch.arange(40)

    def drug_loss():
        with torch.no_grad():
            basal = trainer.network.encoder(trainer._data.cells.rows(index))
            return float(trainer._drug_adversary.loss(basal, trainer._data.drug_class[trainer._data.condition_of]))

    start = drug_loss()
    for _ in range(50):
        trainer._train_adversaries(index)
    learnt = drug_loss()
    for _ in range(50):
        trainer._train_autoencoder(index)
    assert learnt < 0.8 * start
    assert drug_loss() > learnt + 0.5


def test_genes_are_refused():
    train = make_screen(("ctrl|s", "ctrl|t", "G0|s"), kind=TaskKind.UNSEEN_COVARIATE)
    with pytest.raises(Unsupported, match="no molecular structure"):
        fitted(ChemCpa, train)


def test_a_drug_never_seen_is_predicted_from_its_structure():
    train = drug_screen(kind=TaskKind.OOD_DRUG)
    method = fitted(shrunk(ChemCpa, **SMALL), train)
    one, other = (method.predict(ask(train, f"{drug}@10|s", "treatment"), n_cells=4, seed=0) for drug in "WV")
    assert not np.allclose(one, other)


def test_without_structures_seen_treatments_are_predicted_and_new_ones_refused():
    train = drug_screen(structures=False)
    method = fitted(shrunk(ChemCpa, **SMALL), train)
    query = ask(train, "Y@10|t", "treatment", structures=False)
    assert method.predict(query, n_cells=4, seed=0).shape == (4, 24)
    with pytest.raises(Unsupported, match="W is not among the training drugs"):
        method.predict(ask(train, "W@10|t", "treatment", structures=False), n_cells=4, seed=0)
    with pytest.raises(Unsupported, match="no structure"):
        fitted(ChemCpa, drug_screen(kind=TaskKind.OOD_DRUG, structures=False))


def test_sampled_cells_spread_more_than_means():
    train = drug_screen()
    query = ask(train, "Y@10|t", "treatment")
    mean, sample = (
        fitted(shrunk(ChemCpa, **SMALL, prediction=how), train).predict(query, n_cells=60, seed=0)
        for how in ("mean", "sample")
    )
    assert sample.var(axis=0).sum() > 2 * mean.var(axis=0).sum()


@pytest.mark.parametrize(
    ("conditions", "supplied", "label"),
    [
        ([DRUG], {"drug_vectors"}, "chemcpa-scratch"),
        ([DRUG], set(), "chemcpa-scratch-rdkit"),
        ([DRUG, CYTOKINE], set(), "chemcpa-scratch-index"),
    ],
)
def test_the_label_says_what_is_missing(conditions, supplied, label):
    assert ChemCpa().label(conditions, supplied) == label
