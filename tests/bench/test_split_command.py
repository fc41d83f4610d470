"""``bench split`` and ``bench tasks`` as a user types them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from bench.commands import split as split_command
from bench.commands import tasks as tasks_command
from bench.errors import DatasetMissing, SplitError
from bench.paths import cache_dir
from bench.splits import read_split
from bench.tasks import load_split, open_task


@pytest.fixture(autouse=True)
def _cache_of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOLORIS_BENCH_CACHE", str(tmp_path / "cache"))


def split(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    split_command.add_arguments(parser)
    return split_command.run(parser.parse_args(arguments))


def tasks(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    tasks_command.add_arguments(parser)
    return tasks_command.run(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [("--min-cells", "0", "whole number above 0"), ("--task", "bad name%", "lower-case letters, digits and '_'")],
)
def test_a_bad_option_is_said_in_words(option, value, told, capsys):
    with pytest.raises(SystemExit):
        split("sim_double_tiny", option, value)
    assert told in capsys.readouterr().err


def test_a_split_without_a_kind_is_proposed_written_to_the_cache_and_explained(capsys):
    assert split("sim_double_tiny", "--min-cells", "20") == 0
    path = cache_dir() / "splits" / "sim_double_tiny_double_gene.toml"
    assert read_split(path).kind == "double_gene"
    printed = capsys.readouterr().out
    assert "kind double_gene: 5 gene combinations are there" in printed
    assert str(path) in printed
    assert open_task("sim_double_tiny_double_gene").name == "sim_double_tiny_double_gene"


def test_excluded_conditions_are_listed_with_their_reason(capsys):
    split("sim_single_tiny", "--min-cells", "25")
    printed = capsys.readouterr().out
    assert "1 conditions are in no part and are not used:" in printed
    assert "YIPF5: 22 cells, fewer than 25" in printed


def test_the_same_command_twice_writes_the_same_file():
    split("sim_drug_tiny", "--min-cells", "20", "--task", "mine")
    first = (cache_dir() / "splits" / "mine.toml").read_bytes()
    assert split("sim_drug_tiny", "--min-cells", "20", "--task", "mine") == 0
    assert (cache_dir() / "splits" / "mine.toml").read_bytes() == first


def test_a_different_file_is_not_overwritten_unless_forced():
    arguments = ("sim_drug_tiny", "--min-cells", "20", "--task", "mine")
    split(*arguments)
    before = load_split("mine")
    with pytest.raises(SplitError, match=r"mine\.toml: exists and differs; give --force"):
        split(*arguments, "--seed", "1")
    assert load_split("mine") == before
    split(*arguments, "--seed", "1", "--force")
    assert load_split("mine").seed == 1


def test_no_fold_is_written_if_one_of_them_would_overwrite(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine_fold3.toml").write_text("something else")
    with pytest.raises(SplitError, match="mine_fold3"):
        split(
            "sim_single_tiny", "--min-cells", "20", "--folds", "3", "--task", "mine", "--output", str(tmp_path / "out")
        )
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine_fold3.toml"]


def test_the_name_of_a_checked_in_task_is_refused():
    with pytest.raises(SplitError, match="--task sim_single_tiny: a checked-in task has this name"):
        split("sim_single_tiny", "--min-cells", "20", "--task", "sim_single_tiny")


def test_control_fractions_that_do_not_add_up_are_refused():
    with pytest.raises(SplitError, match=r"--controls: train \+ scoring \+ de is 1.2, must be 1"):
        split("sim_single_tiny", "--controls", "0.6,0.3,0.3")


def test_a_data_set_that_is_not_there_says_what_to_do():
    with pytest.raises(DatasetMissing, match="bench data fetch adamson"):
        split("adamson")


def test_nothing_to_split_is_an_error_that_says_how():
    with pytest.raises(SplitError, match=r"python -m bench split my_screen.*--stamp"):
        split()


def test_a_stamped_edit_is_a_task_again(tmp_path, capsys):
    file = tmp_path / "mine.toml"
    split("sim_single_tiny", "--min-cells", "20", "--task", "mine", "--output", str(file))
    file.write_text(file.read_text().replace("seed = 0", "seed = 7"))
    with pytest.raises(SplitError, match="--stamp"):
        read_split(file)
    assert split("--stamp", str(file)) == 0
    assert read_split(file).seed == 7
    assert "stamped" in capsys.readouterr().out


def test_a_split_that_names_an_absent_condition_says_where_and_what_is_closest(tmp_path):
    file = tmp_path / "mine.toml"
    split("sim_single_tiny", "--min-cells", "20", "--task", "mine", "--output", str(file))
    (first, *_) = read_split(file).conditions.test
    file.write_text(file.read_text().replace(f'"{first}"', f'"{first}X"'))
    split("--stamp", str(file))
    with pytest.raises(SplitError) as raised:
        open_task(str(file))
    for part in (str(file), "conditions.test[0]", f"'{first}X'", f"closest: '{first}'", "python -m bench split"):
        assert part in str(raised.value)


def test_tasks_are_listed_with_what_is_there_and_what_to_do(capsys):
    assert tasks("--json") == 0
    rows = {row["task"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["norman_double"]["data"] == "not here"
    assert "bench data fetch" in rows["norman_double"]["remedy"]
    assert (rows["norman_double"]["test"], rows["norman_double"]["kind"]) == (131, "double_gene")
    assert rows["sim_single"]["data"] == "simulated on first use"
    assert rows["sim_single"]["remedy"] == ""


def test_a_users_own_task_and_a_broken_one_are_listed_too(capsys):
    split("sim_single_tiny", "--min-cells", "20", "--task", "mine")
    (cache_dir() / "splits" / "broken.toml").write_text("seed = ")
    assert tasks() == 0
    printed = capsys.readouterr().out
    assert "mine " in printed
    assert "bad split file" in printed
    assert "not a TOML file" in printed
