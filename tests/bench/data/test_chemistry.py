from __future__ import annotations

import pytest
from screen_files import ASPIRIN, ASPIRIN_TOO

from bench.data.chemistry import canonical_smiles
from bench.errors import DataError


def test_two_spellings_of_one_structure_become_one() -> None:
    canonical = canonical_smiles([ASPIRIN, ASPIRIN_TOO], "file")
    assert canonical[ASPIRIN] == canonical[ASPIRIN_TOO]


def test_a_canonical_structure_is_its_own_canonical_structure() -> None:
    once = canonical_smiles([ASPIRIN_TOO], "file")[ASPIRIN_TOO]
    assert canonical_smiles([once], "file")[once] == once


def test_an_extension_behind_the_bar_is_left_out() -> None:
    extended = f"{ASPIRIN} |r,c:1,2|"
    assert canonical_smiles([extended, ASPIRIN], "file")[extended] == canonical_smiles([ASPIRIN], "file")[ASPIRIN]


def test_an_unknown_structure_stays_empty() -> None:
    assert canonical_smiles(["", "|r|"], "file") == {"": "", "|r|": ""}


def test_an_invalid_structure_is_named_and_the_toolkit_keeps_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"file, obs.SMILES: 'C1CC' is not a valid SMILES"):
        canonical_smiles(["C1CC"], "file, obs.SMILES")
    assert capfd.readouterr().err == ""
