"""Building and removing environments; those built here hold no package, so that no network is needed."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from bench.cli import main
from bench.environments import build as building
from bench.environments.build import BuildError, build, find_python, folders_of, remove
from bench.environments.environment import (
    FOLDER_VARIABLE,
    RECORD_FILE,
    Environment,
    environment_problem,
    environments_dir,
    get_environment,
)
from bench.environments.inspect import Contents, InspectionError, inspect
from bench.environments.isolation import isolated_variables
from bench.environments.lock import Lock, lock_names, read_lock

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def lock(*, python: str = HERE, packages: tuple[str, ...] = (), imports: tuple[str, ...] = ("json",)) -> Lock:
    return Lock("trial", python, packages, (), imports, digest="0123456789abcdef")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "environments"))
    return tmp_path / "environments"


@pytest.fixture
def bare() -> Environment:
    """A virtual environment without any package, as an interrupted installation leaves it."""
    environment = Environment(lock())
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment.folder)], check=True)
    return environment


def test_where_they_lie_can_be_chosen(folder, monkeypatch):
    assert environments_dir() == folder
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert environments_dir().parts[-1] == "environments"


def test_an_environment_is_ready_only_with_its_whole_record(bare):
    assert bare.state == "unfinished"
    whole = json.dumps({"lock": "0123", "python": HERE, "seconds": 1.0, "bytes": 1, "versions": {}})
    for damaged in ("", "{}", "[]", whole[:-9], whole.replace("bytes", "bites")):
        (bare.folder / RECORD_FILE).write_text(damaged)
        assert (bare.state, bare.record) == ("unfinished", {})
    (bare.folder / RECORD_FILE).write_text(whole)
    assert bare.state == "ready"
    assert Environment(lock(python="3.99")).state == bare.state  # the folder goes by the lock's hash


def test_what_is_missing_in_an_environment_is_found_by_importing_it(bare):
    found = inspect(bare)
    assert found.python.startswith(HERE)
    assert "bench.worker" in found.failed  # numpy is not there
    assert "numpy" in found.failed["bench.worker"]
    assert "json" not in found.failed


def test_differences_from_the_lock_are_told():
    versions = {"torch": "2.13.0+cpu", "jax": "0.4+cpu", "jaxlib": "0.4+cpu", "numpy": "2.0"}
    contents = Contents("3.11.7", versions, {"cpa": "ImportError: no"})
    pins = ("torch==2.13.0", "jax==0.4+cpu", "jaxlib==0.4+cu12", "numpy==1.26.4", "scvi_tools==0.20.3")
    pinned = lock(packages=pins)
    assert list(contents.problems(pinned)) == [
        "jaxlib is 0.4+cpu, the lock says 0.4+cu12",
        "numpy is 2.0, the lock says 1.26.4",
        "scvi_tools is absent, the lock says 0.20.3",
        "`import cpa` fails with ImportError: no",
    ]


def test_an_environment_that_does_not_run_is_told_with_the_remedy():
    with pytest.raises(InspectionError, match=r"does not run .*`python -m bench env remove trial`"):
        inspect(Environment(lock()))


def test_a_missing_python_is_told_with_the_remedy():
    with pytest.raises(BuildError, match=r"needs Python 3\.99, and there is no python3\.99 on PATH"):
        find_python("3.99")


def test_an_interpreter_of_another_version_is_refused():
    with pytest.raises(BuildError, match=rf"is Python {HERE}, the lock needs 3\.99"):
        build(Environment(lock(python="3.99")), python=Path(sys.executable))


def test_a_failed_installation_keeps_what_is_there_and_repeats_what_pip_said(bare, monkeypatch):
    monkeypatch.setattr(building, "_install", fails)
    for _ in range(2):
        with pytest.raises(BuildError, match=r"is there a network\?[\s\S]*no route to host"):
            build(bare)
    assert bare.state == "unfinished"
    assert bare.python.exists()
    assert (bare.folder / building.PIP_LOG).read_text().count("no route to host") == 2


def fails(environment: Environment, held: int) -> None:
    """What pip does without a network."""
    argv = [sys.executable, "-c", "print('ERROR: no route to host'); raise SystemExit(1)"]
    building._call(environment, argv, "its packages", held)


def test_an_environment_in_which_the_worker_does_not_import_is_not_ready(bare, monkeypatch):
    monkeypatch.setattr(building, "_install", lambda *_: None)
    with pytest.raises(BuildError, match=r"`import bench\.worker` fails with ModuleNotFoundError"):
        build(bare)
    assert bare.state == "unfinished"


def test_a_stand_in_serves_only_where_python_has_no_such_module(bare):
    building._add_stand_ins(replace(bare, lock=replace(bare.lock, stand_ins={"absent_here": "N = 7", "json": "N = 7"})))
    code = "import absent_here, json; print(absent_here.N, hasattr(json, 'N'))"
    done = subprocess.run([bare.python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["7", "False"]


def test_one_that_is_being_built_elsewhere_is_left_alone(folder):
    environment = Environment(lock())
    folder.mkdir()
    with (folder / f".{environment.folder.name}.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(BuildError, match="environment 'trial' is being built by another process"):
            build(environment)
        environment.folder.mkdir()
        with pytest.raises(BuildError, match="environment 'trial' is being built by another process"):
            remove("trial")
        assert environment.folder.exists()


def test_pip_that_outlives_a_killed_build_still_holds_the_environment(bare):
    pip = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    builds = (
        "import sys; from bench.environments import build as building; "
        "from bench.environments.environment import Environment; from bench.environments.lock import Lock; "
        f"one = Environment({bare.lock!r}); building._install = lambda one, held: building._call("
        f"one, [sys.executable, '-c', {pip!r}], 'its packages', held); building.build(one)"
    )
    killed = subprocess.Popen([sys.executable, "-c", builds])
    log = bare.folder / building.PIP_LOG
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text().strip().isdigit()) and time.monotonic() < deadline:
        time.sleep(0.1)
    killed.kill()
    killed.wait()
    with pytest.raises(BuildError, match="is being built by another process"):
        remove("trial")
    os.kill(int(log.read_text()), signal.SIGKILL)
    while bare.folder.exists() and time.monotonic() < deadline:
        with suppress(BuildError):
            remove("trial")
    assert not bare.folder.exists()


def test_removing_takes_the_environments_of_older_locks_along_and_no_others(bare, folder):
    older, other = folder / "trial-ffffffffffff", folder / "trial-two-0123456789ab"
    older.mkdir()
    other.mkdir()
    assert folders_of("trial") == [bare.folder, older]
    assert remove("trial") == [bare.folder, older]
    assert other.exists()


def test_what_is_not_built_is_told_with_the_command_that_builds_it():
    assert environment_problem(None) is None
    assert environment_problem("cpa") == "environment 'cpa' is not built; `python -m bench env create cpa`"
    assert "no environment 'nowhere'" in str(environment_problem("nowhere"))


def test_a_worker_sees_the_project_and_not_the_packages_beside_it(tmp_path):
    variables = isolated_variables(tmp_path / "imports")
    assert sorted(path.name for path in Path(variables["PYTHONPATH"]).iterdir()) == ["bench", "doloris", "methods"]


def test_the_worker_needs_numpy_and_pandas_alone():
    blocked = ("pydantic", "rich", "scanpy", "torch", "rdkit", "psutil", "pyarrow", "safetensors", "reports")
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); import bench.worker, methods.cpa"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_not_built_is_listed_and_told(capsys):
    assert main(["env", "list"]) == 0
    assert "cpa, cpa-rdkit" in capsys.readouterr().out
    assert main(["env", "remove", "cpa"]) == 0
    assert "was not built" in capsys.readouterr().err
    assert main(["env", "check", "cpa"]) == 2
    assert "environment 'cpa' is not built; `python -m bench env create cpa`" in capsys.readouterr().err
    assert get_environment("cpa").state == "absent"


def test_the_commands_create_check_and_remove(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel(tmp_path).parent))
    trial = lock(packages=("trial-package==1.0",))
    monkeypatch.setattr("bench.environments.environment.read_lock", lambda _: trial)
    assert main(["env", "create", "trial"]) == 0
    assert "trial: ready" in capsys.readouterr().err
    environment = Environment(trial)
    assert environment.state == "ready"
    assert environment.record["versions"]["trial-package"] == "1.0"
    assert main(["env", "check", "trial"]) == 0
    assert "trial-package 1.0" in capsys.readouterr().out
    assert main(["env", "remove", "trial"]) == 0
    assert environment.state == "absent"


def wheel(folder: Path) -> Path:
    """A package that pip installs without a network; it puts what the worker needs on the path."""
    path = folder / "trial_package-1.0-py3-none-any.whl"
    about = "trial_package-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("trial_package.pth", str(Path(numpy.__file__).parents[1]))
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: trial-package\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


def test_an_environment_can_be_removed_when_its_lock_is_gone(bare, capsys):
    assert main(["env", "remove", "trial"]) == 0
    assert not bare.folder.exists()
    for name in ("trial", "../trial", "*"):
        assert main(["env", "remove", name]) == 2
        assert f"there is no environment {name!r}" in capsys.readouterr().err


def test_a_malformed_lock_is_told_in_its_row_and_what_was_built_from_it_can_be_removed(tmp_path, monkeypatch, capsys):
    for name, text in {"broken": "python = 3", "other": 'python = "3.11"'}.items():
        (tmp_path / f"{name}.toml").write_text(text)
    monkeypatch.setattr("bench.environments.environment.read_lock", lambda name: read_lock(name, tmp_path))
    monkeypatch.setattr("bench.environments.lock.lock_names", lambda folder=tmp_path: lock_names(folder))
    assert main(["env", "list"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "3 is not a version" in out
    assert "other absent 3.11" in out
    built = environments_dir() / "broken-0123456789ab"
    built.mkdir(parents=True)
    assert main(["env", "remove", "broken"]) == 0
    assert not built.exists()
