"""Split files: what is written is read back, and a bad file says which field, which value and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import SplitError
from bench.splits import Split, SplitConditions, read_split, stamp_split, write_split
from methods.conditions import TaskKind, canonical_key


def a_split(**changed: object) -> Split:
    fields: dict[str, object] = {
        "schema": 1,
        "task": "my_screen",
        "kind": TaskKind.UNSEEN_GENE,
        "dataset": "my_screen",
        "modality": "gene",
        "source": "a test",
        "conditions": SplitConditions(train=("A", "B"), validation=("C",), test=("D",)),
    }
    return Split.model_validate({**fields, **changed})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "my_screen.toml"
    write_split(a_split(), path)
    return path


names = st.text(st.characters(exclude_characters="@|", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text == text.strip() and text != "ctrl"
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(names, min_size=2, max_size=6, unique=True), names, st.integers(0, 2**32 - 1))
def test_a_written_split_is_read_back_equal_whatever_the_names(tmp_path, drugs, cell_type, seed):
    keys = tuple(canonical_key(f"{drug}@10|{cell_type}", "treatment") for drug in drugs)
    conditions = SplitConditions(train=keys[1:], test=keys[:1])
    split = a_split(kind=TaskKind.OOD_DRUG, modality="treatment", seed=seed, conditions=conditions, source=cell_type)
    write_split(split, tmp_path / "t.toml")
    assert read_split(tmp_path / "t.toml") == split


def edit(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


BAD_FILES = {
    "unknown key": (edit("seed = 0", "seed = 0\nsede = 1"), ["sede", "unknown key", "remove it"]),
    "unknown key inside": (edit("test = [", "tset = []\ntest = ["), ["conditions.tset", "unknown key"]),
    "misspelt key": (edit("source = ", "sorce = "), ["sorce", "unknown key"]),
    "missing key": (edit('source = "a test"\n', ""), ["source", "missing", "add it"]),
    "condition in two parts": (
        edit('"D"', '"A"'),
        ["conditions.test[0]", "'A'", "conditions.train[0]", "belongs to one part"],
    ),
    "two spellings of one condition": (
        edit('"D"', '"A+ctrl"'),
        ["conditions.test[0]", "'A+ctrl'", "not canonical", "write 'A'"],
    ),
    "unsorted pair": (edit('"D"', '"F+E"'), ["conditions.test[0]", "write 'E+F'"]),
    "control among the conditions": (edit('"D"', '"ctrl"'), ["conditions.test[0]", "'ctrl'", "[controls]"]),
    "gene named twice": (edit('"D"', '"E+E"'), ["conditions.test[0]", "'E+E'", "twice"]),
    "fractions that are not whole": (edit("scoring = 0.2", "scoring = 0.3"), ["controls", "1.1", "must be 1"]),
    "a fraction of nothing": (edit("de = 0.2", "de = 0.0"), ["controls.de", "greater than 0", "found 0.0"]),
    "no test condition": (edit('test = [\n  "D",\n]', "test = []"), ["conditions.test", "at least 1"]),
    "unknown kind": (edit('kind = "unseen_gene"', 'kind = "unseen"'), ["kind", "unseen_gene", "found 'unseen'"]),
    "another schema": (edit("schema = 1", "schema = 2"), ["schema", "found 2"]),
    "negative seed": (edit("seed = 0", "seed = -1"), ["seed", "found -1"]),
    "not TOML": (edit("seed = 0", "seed = "), ["not a TOML file", "line 7", "python -m bench split"]),
    "edited after stamping": (
        edit('"D"', '"E"'),
        ["edited after it was stamped", "python -m bench split --stamp"],
    ),
    "no stamp": (edit("hash = ", "source2 = "), ["source2", "unknown key"]),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_an_error_that_names_the_file_the_field_and_the_remedy(written, case):
    change, expected = BAD_FILES[case]
    written.write_text(change(written.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(SplitError) as raised:
        read_split(written)
    for part in (str(written), *expected):
        assert part in str(raised.value)


def test_a_file_that_is_not_text_is_an_error(written):
    written.write_bytes(b"\x89HDF\r\n\x1a\n\xff")
    with pytest.raises(SplitError, match="cannot be read"):
        read_split(written)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(SplitError, match=r"none\.toml: cannot be read .*python -m bench split"):
        read_split(tmp_path / "none.toml")


def test_an_edited_file_is_accepted_once_it_is_stamped_again(written):
    written.write_text(written.read_text(encoding="utf-8").replace('"D"', '"E"'), encoding="utf-8")
    stamp_split(written)
    assert read_split(written).conditions.test == ("E",)


def test_a_bad_edit_cannot_be_stamped_and_stays_as_it_was(written):
    written.write_text(written.read_text(encoding="utf-8").replace('"D"', '"A"'), encoding="utf-8")
    before = written.read_bytes()
    with pytest.raises(SplitError, match="belongs to one part"):
        stamp_split(written)
    assert written.read_bytes() == before


def test_the_hash_changes_with_every_field():
    changes: list[dict[str, object]] = [
        {},
        {"task": "other"},
        {"seed": 1},
        {"source": "another"},
        {"controls": {"train": 0.5, "scoring": 0.25, "de": 0.25}},
        {"conditions": SplitConditions(train=("A", "B", "C"), test=("D",))},
    ]
    assert len({a_split(**change).hash for change in changes}) == len(changes)
