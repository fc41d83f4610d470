"""The stand-ins: the real tasks' splits on simulated cells, and never taken for them."""

from __future__ import annotations

import pytest

from bench.commands.tasks import describe_task
from bench.paths import splits_dir
from bench.simulation.design import make_design
from bench.simulation.presets import PRESETS
from bench.splits import read_split, split_toml
from bench.splitting.facts import published_table
from bench.splitting.seen import seen_by_every_task
from bench.splitting.stand_ins import STAND_INS, stand_in_split
from bench.tasks import list_tasks


@pytest.mark.parametrize("task", STAND_INS)
def test_the_checked_in_file_is_the_real_tasks_split(task):
    assert (splits_dir() / f"{task}.toml").read_text(encoding="utf-8") == split_toml(stand_in_split(task))
    real, stand_in = read_split(splits_dir() / f"{STAND_INS[task][0]}.toml"), stand_in_split(task)
    assert (stand_in.conditions, stand_in.kind, stand_in.seed) == (real.conditions, real.kind, real.seed)
    assert "stand-in" in stand_in.source
    assert stand_in.dataset.startswith("sim_")


@pytest.mark.parametrize("task", STAND_INS)
def test_the_simulation_has_every_condition_of_the_split(task):
    split = stand_in_split(task)
    there = {condition.key for condition in make_design(PRESETS[split.dataset]).cells}
    assert {*split.conditions.train, *split.conditions.validation, *split.conditions.test} <= there


def test_sciplex_groups_have_the_published_numbers_of_cells():
    cells = {c.key: n for c, n in make_design(PRESETS["sim_drug_full"]).cells.items() if not c.is_control}
    assert cells == published_table("sciplex3").cells


@pytest.mark.parametrize("task", STAND_INS)
def test_a_stand_in_is_listed_as_simulated(task):
    row = describe_task(task, dict(list_tasks())[task])
    assert (row.data, row.remedy) == ("simulated on first use", "")
    assert "simulated stand-in" in row.source


def test_stand_ins_do_not_decide_the_real_gene_panels(monkeypatch):
    from bench.splitting import seen

    read = []
    monkeypatch.setattr(seen, "read_split", lambda path: read.append(path.stem) or read_split(path))
    import pandas as pd

    seen_by_every_task("norman", pd.DataFrame({"condition": ["AHR"], "control": [False]}, index=["c"]))
    assert read == ["norman_double"]
