from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.devices import DeviceError, resolve_devices
from bench.engines import Command, Ending, EngineError, LocalEngine, execute, make_engine


def command(tmp_path: Path, code: str, *, key: str = "run", time_limit: float | None = None) -> Command:
    return Command(key, (sys.executable, "-c", code), tmp_path / key, tmp_path / f"{key}.log", {}, time_limit)


def endings(engine, commands) -> dict[str, str | None]:
    return {ending.key: ending.problem for ending in engine.run(commands) if ending is not None}


def test_output_of_both_streams_lands_in_the_log(tmp_path):
    ending = execute(command(tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr)"))
    assert ending == Ending("run", None)
    assert (tmp_path / "run.log").read_text().split() == ["out", "err"]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("import time; time.sleep(60)", "time limit"),
    ],
)
def test_a_bad_end_is_told_in_words(tmp_path, code, problem):
    assert problem in execute(command(tmp_path, code, time_limit=5.0 if "sleep" not in code else 0.3)).problem


def test_memory_beyond_the_limit_ends_a_process_and_those_it_started(tmp_path):
    greedy = "import time; taken = bytearray(300 << 20); time.sleep(60)"
    code = (
        f"import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', {greedy!r}]); "
        "print(child.pid, flush=True); time.sleep(60)"
    )
    one = Command("run", (sys.executable, "-c", code), tmp_path / "run", tmp_path / "run.log", {}, 50, 200 << 20)
    assert "beyond the memory limit of 0.195" in execute(one).problem
    child = int((tmp_path / "run.log").read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(child)


def test_one_bad_process_does_not_stop_the_others(tmp_path):
    commands = [command(tmp_path, f"raise SystemExit({i % 2})", key=f"run{i}") for i in range(4)]
    found = endings(LocalEngine(["cpu"]), commands)
    assert [found[f"run{i}"] is None for i in range(4)] == [True, False, True, False]


def test_each_process_sees_its_own_gpu(tmp_path):
    code = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"
    commands = [command(tmp_path, code, key=f"run{i}") for i in range(4)]
    assert set(endings(LocalEngine(["cuda:0", "cuda:3"]), commands).values()) == {None}
    seen = {(tmp_path / f"run{i}.log").read_text().strip() for i in range(4)}
    assert seen <= {"0", "3"}


def test_cores_are_shared_between_cpu_processes(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    endings(LocalEngine(["cpu", "cpu"]), [command(tmp_path, "import os; print(os.environ['OMP_NUM_THREADS'])")])
    assert (tmp_path / "run.log").read_text().strip() == "4"


def test_slurm_runs_the_same_commands(tmp_path):
    pytest.importorskip("submitit", reason="the slurm extra is not installed")
    engine = make_engine("slurm", devices=("cpu",), folder=tmp_path, options={"cluster": "local", "timeout_min": "1"})
    commands = [command(tmp_path, f"raise SystemExit({i})", key=f"run{i}") for i in range(2)]
    found = endings(engine, commands)
    assert found["run0"] is None
    assert "exit code 1" in found["run1"]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_ray_runs_the_same_commands(tmp_path):
    pytest.importorskip("ray", reason="the ray extra is not installed")
    engine = make_engine("ray", devices=("cpu",), folder=tmp_path, options={"num_cpus": "1"})
    commands = [command(tmp_path, f"raise SystemExit({i})", key=f"run{i}") for i in range(2)]
    found = endings(engine, commands)
    assert found["run0"] is None
    assert "exit code 1" in found["run1"]


def test_the_local_engine_has_no_options(tmp_path):
    with pytest.raises(EngineError, match="no option 'partition'"):
        make_engine("local", devices=("cpu",), folder=tmp_path, options={"partition": "gpu"})


def test_devices_are_checked_before_anything_runs():
    assert resolve_devices("cpu") == ("cpu",)
    with pytest.raises(DeviceError, match="'tpu' is not a device"):
        resolve_devices("tpu")
    with pytest.raises(DeviceError, match=r"cuda:99.*GPUs"):
        resolve_devices("cuda:99")
