"""The suite inside an isolated environment: scenes go there as files, findings come back as one.

``python -m bench.conformance.elsewhere FOLDER`` is what runs there; it needs what the worker needs.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.conformance.findings import Finding
from bench.conformance.scenes import Scene
from bench.environments.environment import get_environment
from bench.environments.isolation import isolated_variables
from bench.exchange import read_training, write_training
from bench.worker import load_class
from methods.base import Method, Resources

_CLASS_FILE, _FINDINGS_FILE = "class.json", "findings.json"


def examine_elsewhere(cls: type[Method], scenes: Sequence[Scene]) -> list[Finding]:
    """Put a method through the suite in the environment it names, which must be ready.

    Returns
    -------
    Its findings; one that failed where the process ended without any.
    """
    environment = get_environment(str(cls.environment))
    module = cls.__module__ if cls.__module__.startswith("methods.") else str(Path(inspect.getfile(cls)).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / _CLASS_FILE).write_text(json.dumps([module, cls.__name__]), encoding="utf-8")
        for number, scene in enumerate(scenes):
            place = folder / f"scene{number}"
            place.mkdir()
            write_training(place, scene.train, {query.condition.key: query.condition for query in scene.queries})
            (place / "name.txt").write_text(scene.name, encoding="utf-8")
        argv = [str(environment.python), "-m", "bench.conformance.elsewhere", scratch]
        variables = os.environ | isolated_variables(folder / "imports")
        done = subprocess.run(argv, cwd=scratch, env=variables, capture_output=True, text=True)
        answer = folder / _FINDINGS_FILE
        if answer.is_file():
            return [Finding(**fields) for fields in json.loads(answer.read_text(encoding="utf-8"))]
    return [
        Finding(
            "behaviour",
            "failed",
            f"the suite to end in environment {cls.environment!r}",
            f"exit code {done.returncode}: {done.stderr[-800:]}",
            f"`python -m bench env check {cls.environment}`",
        )
    ]


def main(folder: Path) -> int:
    """Run the suite on the scenes of a folder and write the findings there."""
    from bench.conformance.suite import behaviour

    cls = load_class(*json.loads((folder / _CLASS_FILE).read_text(encoding="utf-8")))
    scenes = []
    for place in sorted(folder.glob("scene*")):
        train, queries = read_training(place, Resources())
        scenes.append(Scene((place / "name.txt").read_text(encoding="utf-8"), train, tuple(queries)))
    findings = [asdict(finding) for finding in behaviour(cls, scenes)]
    (folder / _FINDINGS_FILE).write_text(json.dumps(findings), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
