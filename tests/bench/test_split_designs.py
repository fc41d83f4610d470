"""What each kind of split does, on the smallest table that shows it."""

from __future__ import annotations

import pytest

from bench.errors import SplitError
from bench.splitting.choose import Wishes, propose_kind, propose_splits
from bench.splitting.designs import DoubleGene, OodDrug, UnseenCellType, UnseenGene, UnseenGroup
from bench.splitting.propose import Recipe, by_folds, by_fraction, by_name
from bench.splitting.table import ConditionTable, usable
from methods.conditions import TaskKind, parse_key

GENES = Recipe("t", "d", "gene", validation=0.0)
DRUGS = Recipe("t", "d", "treatment", validation=0.0)


def genes(*keys: str, **known) -> ConditionTable:
    return ConditionTable.of([parse_key(key) for key in keys], **known)


def drugs(*keys: str, **known) -> ConditionTable:
    return ConditionTable.of([parse_key(key, "treatment") for key in keys], **known)


def test_a_combination_with_a_held_out_gene_is_excluded_and_says_which():
    proposal = by_name(genes("A", "B", "C", "A+B", "B+C"), UnseenGene(), GENES, ["A"], "--genes")
    assert proposal.split.conditions.test == ("A",)
    assert proposal.split.conditions.train == ("B", "B+C", "C")
    assert proposal.excluded == {"A+B": "contains held-out gene A"}


def test_only_measured_genes_are_held_out_when_asked():
    design = UnseenGene(among=frozenset({"A", "Z"}))
    assert by_fraction(genes("A", "B", "C"), design, GENES, 1.0).split.conditions.test == ("A",)


def test_validation_singles_are_those_in_the_fewest_tested_doubles():
    table = genes("A", "B", "C", "D", "A+B", "A+C", "B+C")
    split = by_fraction(table, DoubleGene(), Recipe("t", "d", "gene", validation=0.25), 1.0).split
    assert split.conditions.validation == ("D",)
    assert split.conditions.train == ("A", "B", "C")


@pytest.mark.parametrize("others", ["unused", "train"])
def test_doubles_that_are_not_tested_are_unused_or_train_as_asked(others):
    table = genes("A", "B", "C", "A+B", "A+C", "B+C")
    proposal = by_name(table, DoubleGene(others), GENES, ["A+B"], "--doubles")
    training = {"A", "B", "C"} | ({"A+C", "B+C"} if others == "train" else set())
    assert set(proposal.split.conditions.train) == training
    assert set(proposal.excluded) == {"A+C", "B+C"} - training


def test_validation_is_drawn_from_the_doubles_where_some_train():
    table = genes("A", "B", "C", "A+B", "A+C", "B+C")
    recipe = Recipe("t", "d", "gene", validation=0.5)
    (key,) = by_name(table, DoubleGene("train"), recipe, ["A+B"], "--doubles").split.conditions.validation
    assert "+" in key


def test_a_gene_that_is_only_perturbed_in_combination_is_noted():
    proposal = by_fraction(genes("A", "B", "A+B", "A+C"), DoubleGene(), GENES, 1.0)
    assert any("never perturbed alone: C" in note for note in proposal.notes)


def test_everything_in_a_named_cell_type_is_tested_but_what_no_other_cell_type_has():
    table = genes("A|x", "A|y", "B|x", "B|y", "C|x")
    (proposal,) = propose_splits(table, Wishes(cell_types=("x",)), GENES)
    assert proposal.split.kind is TaskKind.UNSEEN_COVARIATE
    assert proposal.split.conditions.test == ("A|x", "B|x")
    assert proposal.excluded["C|x"] == "its perturbation is left in no other group, so nothing could learn it"


def test_a_fraction_in_a_named_cell_type_holds_out_groups_of_it_alone():
    table = genes(*(f"G{number}|{line}" for number in range(10) for line in ("rest", "stimulated")))
    (proposal,) = propose_splits(table, Wishes(cell_types=("stimulated",), test=0.3), GENES)
    test = proposal.split.conditions.test
    assert len(test) == 3
    assert all(key.endswith("|stimulated") for key in test)


def test_several_cell_types_can_be_held_out_together_or_drawn():
    table = genes(*(f"A|{line}" for line in "uvwxyz"))
    (named,) = propose_splits(table, Wishes(cell_types=("u", "v")), GENES)
    (drawn,) = propose_splits(table, Wishes(cell_type_fraction=0.34), GENES)
    assert named.split.conditions.test == ("A|u", "A|v")
    assert len(drawn.split.conditions.test) == 2


def test_a_cell_type_validates_where_cell_types_are_tested():
    table = genes(*(f"{gene}|{line}" for gene in "AB" for line in "uvwx"))
    recipe = Recipe("t", "d", "gene", validation=0.3)
    split = by_name(table, UnseenCellType(), recipe, ["u"], "--cell-type").split
    assert len({key.partition("|")[2] for key in split.conditions.validation}) == 1
    assert len(split.conditions.validation) == 2


def test_fewer_groups_than_asked_for_are_noted():
    table = genes("A|x", "A|y", "B|x", "B|y")
    proposal = by_fraction(table, UnseenGroup(), GENES, 0.8)
    assert len(proposal.split.conditions.test) == 2
    assert any("3 of 4" in note and "2 can be held out" in note for note in proposal.notes)


def test_all_doses_and_cell_types_of_a_held_out_drug_are_tested():
    table = drugs("D@10|x", "D@100|y", "E@10|x", "F@10|x")
    split = by_name(table, OodDrug(), DRUGS, ["D"], "--drugs").split
    assert split.conditions.test == ("D@10|x", "D@100|y")
    assert split.conditions.train == ("E@10|x", "F@10|x")


def test_another_name_of_a_held_out_compound_is_excluded():
    design = OodDrug({"D": "compound", "E": "compound", "F": "other"})
    proposal = by_name(drugs("D@10", "E@10", "F@10"), design, DRUGS, ["D"], "--drugs")
    assert proposal.excluded == {"E@10": "same structure as held-out drug D"}
    assert proposal.split.conditions.train == ("F@10",)


def test_drugs_without_a_known_structure_are_not_taken_for_one_compound():
    proposal = by_name(drugs("D@10", "E@10"), OodDrug({}), DRUGS, ["D"], "--drugs")
    assert proposal.split.conditions.train == ("E@10",)


def test_two_salts_of_one_drug_are_drawn_together():
    table = ConditionTable.of(
        [parse_key(key, "treatment") for key in ("Valproic", "Divalproex", "Cimetidine", "Mesna", "Busulfan")]
    )
    design = OodDrug({"Valproic": "v", "Divalproex": "v"})
    for seed in range(8):
        recipe = Recipe("t", "d", "treatment", seed=seed, validation=0.0)
        test = by_fraction(table, design, recipe, 0.2).split.conditions.test
        assert ("Valproic" in test) == ("Divalproex" in test)


def test_conditions_are_excluded_by_their_cells_and_by_the_controls_of_their_cell_type():
    keys = ("A|x", "B|x", "A|y")
    table = genes(*keys, cells={"A|x": 50, "B|x": 9, "A|y": 50}, control_cells={"x": 40, "y": 5})
    kept, excluded = usable(table, 10)
    assert list(kept.conditions) == ["A|x"]
    assert excluded == {
        "B|x": "9 cells, fewer than 10",
        "A|y": "5 control cells of its cell type, fewer than 10",
    }


def test_perturbed_genes_that_are_not_measured_are_noted_and_stay():
    recipe = Recipe("t", "d", "gene", validation=0.0, panel=frozenset({"A", "B"}))
    proposal = by_name(genes("A", "B", "C"), UnseenGene(), recipe, ["C"], "--genes")
    assert proposal.split.conditions.test == ("C",)
    assert any("1 of 3 perturbed genes" in note and "(C)" in note for note in proposal.notes)


def test_folds_are_numbered_and_differ_in_what_they_hold_out_alone():
    proposals = by_folds(genes(*"ABCDEFGHI"), UnseenGene(), GENES, 9)
    assert [proposal.split.task for proposal in proposals] == [f"t_fold{number}" for number in range(1, 10)]
    assert sorted(key for proposal in proposals for key in proposal.split.conditions.test) == list("ABCDEFGHI")


def test_no_fold_takes_every_group_of_a_perturbation():
    table = genes(*(f"{gene}|{line}" for gene in "ABCDE" for line in "xyz"))
    for proposal in by_folds(table, UnseenGroup(), GENES, 2):
        assert not proposal.excluded


REFUSED = {
    "fraction above one": (Wishes(TaskKind.UNSEEN_GENE, test=1.5), "--test 1.5: must be above 0 and at most 1"),
    "fraction of nothing": (Wishes(TaskKind.UNSEEN_GENE, test=0.0), "--test 0: must be above 0"),
    "everything held out": (Wishes(TaskKind.UNSEEN_GENE, test=1.0), "no condition is left to train on"),
    "no doubles": (Wishes(TaskKind.DOUBLE_GENE), "no gene combination of this data set can be held out"),
    "one cell type": (Wishes(TaskKind.UNSEEN_COVARIATE), "can be held out"),
    "unknown cell type": (Wishes(cell_types=("K563",)), "--cell-type: 'K563' is no cell type"),
    "treatment kind on genes": (Wishes(TaskKind.OOD_DRUG), "holds gene perturbations, not treatments"),
    "too many folds": (Wishes(TaskKind.UNSEEN_GENE, folds=4), "--folds 4: must be from 2 to the number of units, 3"),
    "one fold": (Wishes(TaskKind.UNSEEN_GENE, folds=1), "--folds 1"),
    "option of another kind": (
        Wishes(TaskKind.UNSEEN_GENE, other_doubles="train"),
        "--other-doubles: only for --kind double_gene, not unseen_gene",
    ),
    "two ways of saying it": (Wishes(TaskKind.UNSEEN_GENE, test=0.3, folds=3), "--test and --folds"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wish_that_cannot_be_met_says_which_option_and_why(case):
    wishes, message = REFUSED[case]
    with pytest.raises(SplitError) as raised:
        propose_splits(genes("A", "B", "C"), wishes, GENES)
    assert message in str(raised.value)


def test_gene_kinds_are_refused_for_treatments():
    with pytest.raises(SplitError, match="holds treatments, not gene perturbations"):
        propose_splits(drugs("D@10", "E@10"), Wishes(TaskKind.UNSEEN_GENE), DRUGS)


def test_an_unknown_drug_names_the_closest():
    with pytest.raises(SplitError, match=r"--drugs: 'Belinostat' is no drug .*closest: Belinostat2"):
        propose_splits(drugs("Belinostat2@10", "E@10"), Wishes(drugs=("Belinostat",)), DRUGS)


@pytest.mark.parametrize("validation", [-0.1, 1.0])
def test_a_validation_fraction_out_of_range_is_refused(validation):
    recipe = Recipe("t", "d", "gene", validation=validation)
    with pytest.raises(SplitError, match="--validation"):
        by_fraction(genes("A", "B"), UnseenGene(), recipe, 0.5)


def test_a_task_name_that_no_file_can_have_is_refused():
    with pytest.raises(SplitError, match=r"task: .*found 'My Task'"):
        by_fraction(genes("A", "B"), UnseenGene(), Recipe("My Task", "d", "gene"), 0.5)


def test_a_condition_listed_twice_is_refused():
    with pytest.raises(SplitError, match=r"'A\+B' is listed twice"):
        genes("A+B", "B+A", "A")


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (genes("A", "B"), TaskKind.UNSEEN_GENE),
        (genes("A", "B", "A+B"), TaskKind.DOUBLE_GENE),
        (genes("A|x", "A|y"), TaskKind.UNSEEN_COVARIATE),
        (drugs("IFNB|x", "IFNB|y"), TaskKind.UNSEEN_COVARIATE),
        (drugs("D@10", "D@100", "E@10", "F@10"), TaskKind.OOD_DRUG),
    ],
)
def test_the_kind_is_proposed_from_the_data(table, kind):
    assert propose_kind(table, Wishes())[0] is kind
