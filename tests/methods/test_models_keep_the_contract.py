"""The conformance suite on the models written here, each trained as briefly as its settings allow."""

import pytest

from bench.conformance.scenes import simulated_scenes
from bench.conformance.suite import examine
from methods.chemcpa import ChemCpa
from methods.doloris import Doloris, DolorisPaper, DolorisReleased
from methods.grape import Grape
from methods.graphvci import GraphVci, GraphVciEmb
from methods.scgpt import Scgpt
from methods.sclambda import ScLambda

BRIEF = {
    ChemCpa: {"epochs": 1},
    Doloris: {"size": "small", "steps": 2, "nfe": 3},
    DolorisPaper: {"size": "small", "steps": 2, "nfe": 3},
    DolorisReleased: {"size": "small", "steps": 2, "nfe": 3},
    Grape: {"least_steps": 2},
    GraphVci: {"epochs": 1},
    GraphVciEmb: {"epochs": 1},
    Scgpt: {"epochs": 1},
    ScLambda: {"epochs": 1},
}


def brief(cls, settings):
    """The class, constructed with these settings."""
    return type(f"Brief{cls.__name__}", (cls,), {"__init__": lambda self: cls.__init__(self, **settings)})


@pytest.fixture(scope="module")
def scenes():
    return simulated_scenes()


@pytest.mark.filterwarnings("ignore::doloris.diagnostics.LatentWarning")
@pytest.mark.parametrize("cls", BRIEF, ids=lambda cls: cls.name)
def test_a_model_keeps_the_contract(cls, scenes):
    findings = examine(brief(cls, BRIEF[cls]), scenes)
    assert [str(finding) for finding in findings if finding.status == "failed"] == []
    assert sum(finding.status == "ok" for finding in findings) > 10
