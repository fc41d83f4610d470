"""``bench protocols``."""

import argparse
import json

import pytest

from bench.commands import protocols
from bench.errors import ProtocolError
from bench.protocols import CALIBRATED, PROTOCOLS


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    protocols.add_arguments(parser)
    return protocols.run(parser.parse_args(argv))


def test_every_protocol_is_listed_with_every_choice(capsys):
    assert run() == 0
    shown = capsys.readouterr().out
    for protocol in PROTOCOLS.values():
        assert protocol.label in shown
    assert all(name in shown for name in CALIBRATED.choices)


def test_one_protocol_is_shown_with_its_metrics(capsys):
    assert run("calibrated") == 0
    shown = capsys.readouterr().out
    assert all(metric.name in shown for metric in CALIBRATED.metrics)


def test_json_carries_choices_and_metrics(capsys):
    assert run("--json") == 0
    found = {entry["protocol"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert found["calibrated@1"]["choices"] == dict(CALIBRATED.choices)
    assert {metric["name"] for metric in found["paper@1"]["metrics"]} == {"rmse", "e_distance", "emd"}


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ProtocolError, match="not known"):
        run("best")
