from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.labels import LabelStyle, as_text, is_control_word, is_unlabelled, read_labels
from bench.errors import DataError
from methods.conditions import canonical_key

names = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", min_size=1, max_size=8).filter(
    lambda name: not is_control_word(name) and not is_unlabelled(name)
)
GENES = LabelStyle("gene", frozenset({"ctrl"}), "+")


@given(st.lists(names, min_size=1, max_size=3, unique=True), st.randoms(), st.booleans())
def test_the_order_of_genes_and_a_ctrl_among_them_do_not_matter(
    genes: list[str], order: object, with_ctrl: bool
) -> None:
    shuffled = [*genes, *(["ctrl"] if with_ctrl else [])]
    order.shuffle(shuffled)
    assert GENES.read("+".join(shuffled), {}) == "+".join(sorted(genes))


@given(st.lists(names, min_size=1, max_size=3, unique=True))
def test_a_canonical_label_reads_as_itself(genes: list[str]) -> None:
    label = GENES.read("+".join(genes), {})
    assert GENES.read(label, {}) == label == canonical_key(label)


@pytest.mark.parametrize(
    "label", ["control", "CTRL", "DMSO", "Vehicle", "non-targeting", "Non-Targeting", "NT", "negative control"]
)
def test_the_usual_names_of_a_control_are_known(label: str) -> None:
    assert is_control_word(label)


@pytest.mark.parametrize("label", ["", "*", "nan", "None", "NA", "unassigned"])
def test_the_usual_names_of_no_label_are_known(label: str) -> None:
    assert is_unlabelled(label)


def test_missing_labels_become_text() -> None:
    assert as_text(pd.Series(pd.Categorical(["A", None, " B "]))).tolist() == ["A", "nan", "B"]


def test_a_suffix_is_cut_off_before_genes_are_parted() -> None:
    style = LabelStyle("gene", frozenset({"control"}), "", re.compile(r"_\d+$"))
    assert style.read("DOK2_1", {}) == "DOK2"
    assert style.read("control", {}) == "ctrl"


def test_a_renaming_applies_to_a_label_or_to_a_gene_in_it() -> None:
    read = read_labels(["ctrl", "C3orf72+AHR", "X_1"], GENES, {"C3orf72": "FOXL2NB", "X_1": "B+A"}, "obs")
    assert read == {"ctrl": "ctrl", "C3orf72+AHR": "AHR+FOXL2NB", "X_1": "A+B"}


def test_a_renaming_that_matches_nothing_is_an_error_with_the_closest() -> None:
    with pytest.raises(DataError, match=r"--rename STIMM: obs.stim has no such value \(closest: STIM\)"):
        read_labels(["CTRL", "STIM"], LabelStyle("treatment", frozenset({"CTRL"})), {"STIMM": "IFN"}, "obs.stim")


@pytest.mark.parametrize("label", ["A+A", "A+", "A|B", "A@1"])
def test_an_unreadable_gene_label_is_an_error_that_names_it(label: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"{label!r} cannot be read as a perturbation")):
        read_labels([label], GENES, {}, "obs.condition")


@pytest.mark.parametrize("name", ["(+)-JQ1", "A+B", "Glesatinib?(MGCD265)", "IFN-beta"])
def test_the_name_of_a_treatment_is_kept_as_it_is(name: str) -> None:
    style = LabelStyle("treatment", frozenset({"DMSO"}))
    assert read_labels([name, "DMSO"], style, {}, "obs") == {name: name, "DMSO": "ctrl"}


def test_a_treatment_with_a_mark_of_condition_keys_can_be_renamed() -> None:
    style = LabelStyle("treatment", frozenset({"DMSO"}))
    with pytest.raises(DataError, match=r"--rename 'A\|B=NAME'"):
        read_labels(["A|B"], style, {}, "obs")
    assert read_labels(["A|B"], style, {"A|B": "A and B"}, "obs") == {"A|B": "A and B"}
