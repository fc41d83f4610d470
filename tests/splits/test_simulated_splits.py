"""The checked-in tasks on the simulation: reproducible, by function and by command."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bench.commands import split as command
from bench.paths import splits_dir
from bench.splits import read_split, split_toml
from bench.splitting.simulated import MIN_CELLS, SIMULATED_TASKS, simulated_split


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


@pytest.mark.parametrize("task", SIMULATED_TASKS)
def test_the_checked_in_file_is_what_the_simulation_gives(task):
    assert (splits_dir() / f"{task}.toml").read_text(encoding="utf-8") == split_toml(simulated_split(task))


@pytest.mark.parametrize("task", [task for task in SIMULATED_TASKS if task.endswith("_tiny")])
def test_the_command_makes_the_checked_in_file(task, tmp_path: Path):
    asked = SIMULATED_TASKS[task]
    drugs = ["--drugs", ",".join(asked.wishes.drugs)] if asked.wishes.drugs else []
    kind = str(asked.wishes.kind)
    output = tmp_path / f"{task}.toml"
    arguments = [asked.dataset, "--kind", kind, "--task", task, "--min-cells", str(MIN_CELLS), *drugs]
    assert run(*arguments, "--output", str(output)) == 0
    assert output.read_bytes() == (splits_dir() / f"{task}.toml").read_bytes()


def test_most_simulated_doubles_keep_both_singles_while_fitting():
    parts = read_split(splits_dir() / "sim_double.toml").conditions
    kept = sum(set(key.split("+")) <= set(parts.train) for key in parts.test)
    assert kept >= 0.8 * len(parts.test)


def test_the_simulated_ood_drugs_include_the_papers():
    parts = read_split(splits_dir() / "sim_ood.toml").conditions
    assert {"Belinostat", "Flavopiridol", "Tanespimycin"} <= {key.partition("@")[0] for key in parts.test}
