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
    assert ended(int((tmp_path / "run.log").read_text()))


def test_what_a_process_leaves_running_ends_with_it(tmp_path):
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(child.pid)"
    )
    assert execute(command(tmp_path, code)).problem is None
    assert ended(int((tmp_path / "run.log").read_text()))


def test_temporary_files_of_a_process_go_with_it_however_it_ends(tmp_path):
    code = "import os, tempfile; print(tempfile.mkdtemp(), flush=True); os.kill(os.getpid(), 9)"
    execute(command(tmp_path, code))
    left = Path((tmp_path / "run.log").read_text().strip())
    assert str(os.getpid()) in left.parent.name
    assert not left.parent.exists()


def test_a_process_that_cannot_start_has_failed_with_the_reason(tmp_path):
    absent = Command("absent", (str(tmp_path / "no-python"),), tmp_path / "absent", tmp_path / "absent.log")
    found = endings(LocalEngine(["cpu"]), [absent, command(tmp_path, "")])
    assert "could not be started" in found["absent"]
    assert "no-python" in found["absent"]
    assert found["run"] is None


def test_an_interrupted_run_ends_what_is_running_at_once(tmp_path):
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    running = LocalEngine(["cpu"]).run([command(tmp_path, code), command(tmp_path, code, key="next")])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not log_of(tmp_path):
        next(running)
    started = time.monotonic()
    running.close()
    assert time.monotonic() - started < 10
    assert ended(int(log_of(tmp_path)))
    assert not (tmp_path / "next.log").exists()


def log_of(tmp_path: Path) -> str:
    return (tmp_path / "run.log").read_text() if (tmp_path / "run.log").exists() else ""


def ended(process: int) -> bool:
    """Whether a process is gone within 10 s."""
    deadline = time.monotonic() + 10
    while psutil.pid_exists(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not psutil.pid_exists(process)


def test_one_bad_process_does_not_stop_the_others(tmp_path):
    commands = [command(tmp_path, f"raise SystemExit({i % 2})", key=f"run{i}") for i in range(4)]
    found = endings(LocalEngine(["cpu"]), commands)
    assert [found[f"run{i}"] is None for i in range(4)] == [True, False, True, False]


@pytest.mark.parametrize(
    ("visible", "seen"), [(None, {"0", "3"}), ("4,5,6,7", {"4", "7"}), ("GPU-a, 1, 2, GPU-b", {"GPU-a", "GPU-b"})]
)
def test_each_process_sees_its_own_gpu(tmp_path, monkeypatch, visible, seen):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    # Each waits for the other, so that both devices are in use.
    code = (
        "import os, pathlib, time; pathlib.Path('../sees ' + os.environ['CUDA_VISIBLE_DEVICES']).touch()\n"
        "while len(list(pathlib.Path('..').glob('sees *'))) < 2: time.sleep(0.05)"
    )
    commands = [command(tmp_path, code, key=f"run{i}", time_limit=20) for i in range(2)]
    assert set(endings(LocalEngine(["cuda:0", "cuda:3"]), commands).values()) == {None}
    assert {path.name.removeprefix("sees ") for path in tmp_path.glob("sees *")} == seen


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


def test_slurm_is_refused_where_there_is_none(tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="the slurm extra is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="no `sbatch`"):
        make_engine("slurm", devices=("cpu",), folder=tmp_path, options={})


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
