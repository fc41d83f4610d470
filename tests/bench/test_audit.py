"""An audit finds what was planted, and nothing in the checked-in tasks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import h5py
import pytest

from bench.audit import Audit, Finding, audit_task
from bench.commands import audit as command
from bench.data.canonical import write_dataset
from bench.errors import SplitError
from bench.paths import dataset_path
from bench.protocols import PROTOCOLS
from bench.simulation import simulate
from bench.splits import ControlFolds, Split, SplitConditions, read_split, write_split
from bench.splitting.paper import PAPER_TASKS
from methods.conditions import TaskKind


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


@pytest.fixture
def audited(tmp_path: Path):
    """Audit a split written by hand."""

    def audit(
        kind: TaskKind,
        dataset: str,
        train: tuple[str, ...],
        test: tuple[str, ...],
        controls: ControlFolds | None = None,
    ) -> Audit:
        split = Split(
            schema=1,
            task="by_hand",
            kind=kind,
            dataset=dataset,
            modality="gene" if kind in (TaskKind.UNSEEN_GENE, TaskKind.DOUBLE_GENE) else "treatment",
            source="a test",
            controls=controls or ControlFolds(),
            conditions=SplitConditions(train=train, test=test),
        )
        write_split(split, tmp_path / "by_hand.toml")
        return audit_task(str(tmp_path / "by_hand.toml"))

    return audit


def finding(audit: Audit, check: str) -> Finding:
    (found,) = [each for each in audit.findings if each.check == check]
    return found


@pytest.mark.parametrize("task", ["sim_single_tiny", "sim_double_tiny", "sim_covariate_tiny", "sim_ood_tiny"])
def test_the_simulated_tasks_are_clean_and_completely_checked(task):
    audit = audit_task(task)
    assert audit.clean
    assert not [each for each in audit.findings if each.level == "unknown"]
    assert sum(part.cells for part in audit.parts) > 0


@pytest.mark.parametrize("task", [make.__name__ for make in PAPER_TASKS])
def test_the_papers_tasks_are_clean_by_their_split_and_say_what_to_do_for_the_rest(task):
    audit = audit_task(task)
    assert audit.clean
    missing = finding(audit, "data set")
    assert missing.level == "unknown"
    assert "bench data fetch" in missing.detail
    assert audit.data_hash is None
    assert [part.cells for part in audit.parts] == [None, None, None]


def test_a_tested_gene_in_a_training_pair_is_a_leak(audited):
    audit = audited(TaskKind.UNSEEN_GENE, "sim_double_tiny", ("BPGM+SAMD1", "AHR"), ("SAMD1",))
    leak = finding(audit, "tested genes in training")
    assert (leak.level, leak.items) == ("leak", ("BPGM+SAMD1",))
    assert not audit.clean


def test_a_tested_pair_in_another_cell_type_is_a_leak(audited):
    audit = audited(TaskKind.DOUBLE_GENE, "absent", ("A|x", "A+B|x"), ("A+B|y",))
    assert finding(audit, "tested combinations in training").items == ("A+B|x",)
    assert not audit.clean


def test_a_tested_perturbation_seen_nowhere_else_is_a_mismatch(audited):
    audit = audited(TaskKind.UNSEEN_COVARIATE, "absent", ("D@10|x",), ("D@10|y", "E@10|y"))
    assert finding(audit, "tested perturbations seen elsewhere").items == ("E@10|y",)
    assert not audit.clean


def test_a_tested_drug_trained_at_another_dose_is_a_leak(audited):
    audit = audited(TaskKind.OOD_DRUG, "absent", ("D@10", "E@10"), ("D@100",))
    assert finding(audit, "tested drugs in training, by name").level == "leak"
    assert not audit.clean


def test_a_tested_drug_trained_as_another_salt_is_a_leak(audited):
    train, test = ("Divalproex@10|A549",), ("Valproic@10|A549",)
    leak = finding(audited(TaskKind.OOD_DRUG, "sciplex3", train, test), "tested drugs in training, by structure")
    assert (leak.level, leak.items) == ("leak", ("Valproic = Divalproex",))


def test_drugs_whose_structure_is_not_known_are_not_said_to_be_clean(audited):
    found = finding(
        audited(TaskKind.OOD_DRUG, "absent", ("D@10",), ("E@10",)), "tested drugs in training, by structure"
    )
    assert (found.level, found.items) == ("unknown", ("E", "D"))


def test_a_condition_that_the_data_lack_is_a_mismatch(audited):
    audit = audited(TaskKind.UNSEEN_GENE, "sim_single_tiny", ("EIF2B2",), ("HYOU1", "TP53"))
    assert finding(audit, "conditions of the split in the data").items == ("TP53",)
    assert not audit.clean


def test_conditions_in_no_part_are_listed_with_a_reason(audited):
    audit = audited(TaskKind.UNSEEN_GENE, "sim_double_tiny", ("AHR", "FEV"), ("SAMD1",))
    unused = finding(audit, "conditions of the data in no part")
    assert unused.level == "note"
    assert {"BPGM+SAMD1", "LYL1"} <= set(unused.items)
    assert "perturbs a tested gene: BPGM+SAMD1" in unused.detail


def test_a_control_fold_without_cells_is_a_mismatch(audited):
    folds = ControlFolds(train=0.998, scoring=0.001, de=0.001)
    audit = audited(TaskKind.UNSEEN_GENE, "sim_single_tiny", ("EIF2B2",), ("HYOU1",), folds)
    assert finding(audit, "control folds").level == "mismatch"


def test_control_folds_of_a_task_add_up_to_its_controls():
    audit = audit_task("sim_ood_tiny")
    assert {name: sum(folds.values()) for name, folds in audit.control_folds.items()} == {"A549": 80, "MCF7": 80}


def test_genes_that_are_not_measured_are_listed():
    audit = audit_task("sim_single_tiny")
    absent = finding(audit, "perturbed genes that are not measured")
    assert absent.level == "note"
    assert len(absent.items) == 1


def test_every_protocol_says_which_cells_rank_its_genes_and_which_conditions_are_too_small():
    audit = audit_task("sim_single_tiny")
    for protocol in PROTOCOLS.values():
        found = finding(audit, f"DE genes and cells, {protocol.label}")
        assert protocol.differential.value in found.detail
        assert f"3 of 3 test conditions have its {protocol.min_cells} cells" in found.detail


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOLORIS_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def store(name: str) -> Path:
    adata = simulate("sim_single_tiny")
    adata.uns["bench"]["name"] = name
    write_dataset(adata, dataset_path(name))
    return dataset_path(name)


@pytest.mark.usefixtures("own_cache")
def test_data_changed_after_they_were_stamped_are_a_mismatch(audited):
    with h5py.File(store("my_screen"), "r+") as file:
        file["X/data"][0] *= 0.5
    audit = audited(TaskKind.UNSEEN_GENE, "my_screen", ("EIF2B2",), ("HYOU1",))
    assert "changed after it was written" in finding(audit, "hash of the data").detail
    assert not audit.clean


@pytest.mark.usefixtures("own_cache")
def test_data_that_are_not_what_was_published_are_a_mismatch():
    store("adamson")
    audit = audit_task("adamson_single")
    differences = finding(audit, "differences to the published facts")
    assert differences.level == "mismatch"
    assert "75 of 86 published conditions are missing" in differences.detail
    assert not audit.clean


def test_the_exit_code_says_whether_a_task_is_clean(audited, tmp_path, capsys):
    audited(TaskKind.OOD_DRUG, "absent", ("D@10",), ("D@100",))
    assert run("--task", "sim_single_tiny") == 0
    assert run("--task", "sim_single_tiny", "--task", str(tmp_path / "by_hand.toml")) == 1
    printed = capsys.readouterr().out
    assert "sim_single_tiny: clean" in printed
    assert "by_hand: 1 leaks or mismatches" in printed


def test_json_output_holds_everything(capsys):
    assert run("--task", "sim_ood_tiny", "--json") == 0
    (audit,) = json.loads(capsys.readouterr().out)
    assert audit["clean"] is True
    assert audit["split_hash"] == read_split(Path(audit["split_file"])).hash
    assert {each["level"] for each in audit["findings"]} <= {"ok", "note"}


def test_a_file_edited_after_it_was_stamped_is_refused(audited, tmp_path):
    audited(TaskKind.UNSEEN_GENE, "absent", ("A",), ("B",))
    file = tmp_path / "by_hand.toml"
    file.write_text(file.read_text().replace('"B"', '"C"'))
    with pytest.raises(SplitError, match="edited after it was stamped"):
        audit_task(str(file))
