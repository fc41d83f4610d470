"""Laws that every split obeys, whatever the data set."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import SplitError
from bench.splits import split_toml
from bench.splitting.designs import Design, DoubleGene, OodDrug, UnseenCellType, UnseenGene, UnseenGroup
from bench.splitting.propose import Proposal, Recipe, by_folds, by_fraction
from bench.splitting.table import ConditionTable, usable
from methods.conditions import Condition, gene_condition, treatment_condition

GENES = [f"G{number}" for number in range(9)]
DRUGS = [f"D{number}" for number in range(7)]
CELL_TYPES = ["a", "b", "c"]
COMPOUNDS = {"D0": "same", "D1": "same", "D2": "other", "D3": "other"}

gene_labels = st.sets(st.sampled_from(GENES), min_size=1, max_size=3)
gene_conditions = st.builds(lambda genes, line: gene_condition(genes, line), gene_labels, st.sampled_from(CELL_TYPES))
drug_conditions = st.builds(
    lambda drug, dose, line: treatment_condition(drug, dose=dose, cell_type=line),
    st.sampled_from(DRUGS),
    st.sampled_from([10.0, 100.0, 1000.0]),
    st.sampled_from(CELL_TYPES),
)


@st.composite
def tables(draw: st.DrawFn, conditions: st.SearchStrategy[Condition]) -> ConditionTable:
    chosen = draw(st.lists(conditions, min_size=4, max_size=40, unique_by=lambda c: c.key))
    cells = {condition.key: draw(st.integers(5, 100)) for condition in chosen}
    return ConditionTable.of(chosen, cells, {line: draw(st.integers(20, 100)) for line in CELL_TYPES})


gene_designs = st.sampled_from(
    [
        UnseenGene(),
        UnseenGene(frozenset(GENES[:5])),
        DoubleGene(),
        DoubleGene("train"),
        UnseenGroup(),
        UnseenGroup(("a",)),
        UnseenCellType(),
    ]
)
drug_designs = st.sampled_from([OodDrug(), OodDrug(COMPOUNDS), UnseenGroup(), UnseenCellType()])
cases = st.one_of(st.tuples(tables(gene_conditions), gene_designs), st.tuples(tables(drug_conditions), drug_designs))
fractions = st.sampled_from([0.1, 0.3, 0.5])
validations = st.sampled_from([0.0, 0.1, 0.4])
seeds = st.integers(0, 2**32 - 1)


def recipe(table: ConditionTable, seed: int, validation: float, min_cells: int = 20) -> Recipe:
    modality = next(iter(table)).modality
    return Recipe("t", "d", modality, seed=seed, validation=validation, min_cells=min_cells)


def proposed(table: ConditionTable, design: Design, seed: int, fraction: float, validation: float) -> Proposal | None:
    """The split, or ``None`` where the data cannot give one: an error of ours, never another."""
    try:
        return by_fraction(table, design, recipe(table, seed, validation), fraction)
    except SplitError:
        return None


def parts(proposal: Proposal) -> dict[str, tuple[str, ...]]:
    conditions = proposal.split.conditions
    return {"train": conditions.train, "validation": conditions.validation, "test": conditions.test}


@settings(deadline=None)
@given(cases, seeds, fractions, validations)
def test_every_condition_is_in_one_part_or_excluded_with_a_reason(case, seed, fraction, validation):
    table, design = case
    proposal = proposed(table, design, seed, fraction, validation)
    if proposal is None:
        return
    counts = Counter([key for keys in parts(proposal).values() for key in keys] + list(proposal.excluded))
    assert counts == dict.fromkeys(table.conditions, 1)
    assert all(proposal.excluded.values())


@settings(deadline=None)
@given(cases, seeds, fractions, validations, st.randoms(use_true_random=False))
def test_a_split_does_not_depend_on_the_order_of_the_conditions(
    case, seed, fraction, validation, shuffler: random.Random
):
    table, design = case
    order = list(table)
    shuffler.shuffle(order)
    again = ConditionTable.of(order, table.cells, table.control_cells)
    first, second = (proposed(each, design, seed, fraction, validation) for each in (table, again))
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert split_toml(first.split) == split_toml(second.split)
        assert first.excluded == second.excluded


@settings(deadline=None)
@given(cases, seeds, fractions, validations)
def test_no_condition_with_too_few_cells_or_controls_is_used(case, seed, fraction, validation):
    table, design = case
    proposal = proposed(table, design, seed, fraction, validation)
    if proposal is None:
        return
    for key in (key for keys in parts(proposal).values() for key in keys):
        assert table.cells[key] >= 20
        assert table.control_cells[table.conditions[key].cell_type] >= 20


@settings(deadline=None)
@given(tables(gene_conditions), seeds, fractions, validations)
def test_no_training_condition_perturbs_a_held_out_gene(table, seed, fraction, validation):
    proposal = proposed(table, UnseenGene(), seed, fraction, validation)
    if proposal is None:
        return
    tested = {gene for key in parts(proposal)["test"] for gene in table.conditions[key].perturbations}
    for key in (*parts(proposal)["train"], *parts(proposal)["validation"]):
        assert not tested & set(table.conditions[key].perturbations)
    assert all(len(table.conditions[key].perturbations) == 1 for key in parts(proposal)["test"])


@settings(deadline=None)
@given(tables(gene_conditions), seeds, fractions, validations)
def test_no_training_condition_of_an_unseen_gene_task_perturbs_a_validation_gene_alone(
    table, seed, fraction, validation
):
    proposal = proposed(table, UnseenGene(), seed, fraction, validation)
    if proposal is None:
        return
    conditions = table.conditions
    validating = [set(conditions[key].perturbations) for key in parts(proposal)["validation"]]
    unseen = {next(iter(genes)) for genes in validating if len(genes) == 1}
    fitted = {gene for key in parts(proposal)["train"] for gene in conditions[key].perturbations}
    for key in parts(proposal)["validation"]:
        assert set(conditions[key].perturbations) - fitted, "a validation condition holds a gene that is not fitted"
    assert validation > 0 or not unseen


@settings(deadline=None)
@given(tables(gene_conditions), seeds, fractions, validations)
def test_no_tested_combination_is_trained_on_in_any_cell_type(table, seed, fraction, validation):
    proposal = proposed(table, DoubleGene("train"), seed, fraction, validation)
    if proposal is None:
        return
    tested = {table.conditions[key].label for key in parts(proposal)["test"]}
    for key in (*parts(proposal)["train"], *parts(proposal)["validation"]):
        assert table.conditions[key].label not in tested


@settings(deadline=None)
@given(
    st.one_of(tables(gene_conditions), tables(drug_conditions)),
    st.sampled_from([UnseenGroup(), UnseenGroup(("a", "b")), UnseenCellType()]),
    seeds,
    fractions,
    validations,
)
def test_every_tested_and_validating_perturbation_is_fitted_in_another_group(table, design, seed, fraction, validation):
    proposal = proposed(table, design, seed, fraction, validation)
    if proposal is None:
        return
    fitted = {table.conditions[key].label for key in parts(proposal)["train"]}
    for key in (*parts(proposal)["test"], *parts(proposal)["validation"]):
        assert table.conditions[key].label in fitted


@settings(deadline=None)
@given(st.one_of(tables(gene_conditions), tables(drug_conditions)), seeds, fractions, validations)
def test_nothing_perturbed_in_a_held_out_cell_type_trains(table, seed, fraction, validation):
    proposal = proposed(table, UnseenCellType(), seed, fraction, validation)
    if proposal is None:
        return
    tested = {table.conditions[key].cell_type for key in parts(proposal)["test"]}
    for key in (*parts(proposal)["train"], *parts(proposal)["validation"]):
        assert table.conditions[key].cell_type not in tested


@settings(deadline=None)
@given(tables(drug_conditions), seeds, fractions, validations)
def test_no_held_out_drug_trains_under_its_own_or_another_name_of_its_compound(table, seed, fraction, validation):
    proposal = proposed(table, OodDrug(COMPOUNDS), seed, fraction, validation)
    if proposal is None:
        return
    tested = {table.conditions[key].label for key in parts(proposal)["test"]}
    compounds = {COMPOUNDS.get(drug, drug) for drug in tested}
    for key in (*parts(proposal)["train"], *parts(proposal)["validation"]):
        drug = table.conditions[key].label
        assert drug not in tested
        assert COMPOUNDS.get(drug, drug) not in compounds


@settings(deadline=None)
@given(cases, seeds, st.integers(2, 4))
def test_folds_test_each_unit_exactly_once(case, seed, folds):
    table, design = case
    try:
        proposals = by_folds(table, design, recipe(table, seed, 0.1), folds)
    except SplitError:
        return
    counts = Counter(key for proposal in proposals for key in proposal.split.conditions.test)
    kept, _ = usable(table, 20)
    every = {key for keys in design.units(kept).values() for key in keys}
    untaught = (
        {key for proposal in proposals for key in proposal.excluded} if isinstance(design, UnseenCellType) else set()
    )
    assert counts == dict.fromkeys(every - untaught, 1)
    assert len({proposal.split.task for proposal in proposals}) == folds
    sizes = [len(hand) for hand in design.deal(kept, folds, seed=seed)]
    assert isinstance(design, OodDrug) or max(sizes) - min(sizes) <= 1


def test_two_seeds_give_two_draws():
    table = ConditionTable.of([gene_condition([f"G{number}"]) for number in range(40)])
    draws = {by_fraction(table, UnseenGene(), recipe(table, seed, 0.1), 0.3).split.conditions.test for seed in range(3)}
    assert len(draws) == 3


@pytest.mark.parametrize(("fraction", "tested"), [(0.25, 22), (0.30, 26), (0.005, 1)])
def test_a_fraction_is_rounded_and_at_least_one_unit(fraction, tested):
    table = ConditionTable.of([gene_condition([f"G{number}"]) for number in range(87)])
    split = by_fraction(table, UnseenGene(), recipe(table, 0, 0.1), fraction).split
    assert len(split.conditions.test) == tested


def test_a_smaller_test_fraction_of_the_same_seed_is_part_of_a_larger_one():
    table = ConditionTable.of([gene_condition([f"G{number}"]) for number in range(50)])
    small, large = (
        set(by_fraction(table, UnseenGene(), recipe(table, 3, 0.1), f).split.conditions.test) for f in (0.2, 0.4)
    )
    assert small < large
