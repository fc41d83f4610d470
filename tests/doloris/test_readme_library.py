"""The README's use of the library, executed."""

import re
from pathlib import Path

import numpy as np
import pytest

from doloris import Doloris

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.filterwarnings("ignore::doloris.diagnostics.LatentWarning")
def test_the_library_works_as_the_readme_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if "from doloris import" in block]
    block = block.replace("small(corrected())", "replace(small(corrected()), steps=2)")  # the default takes minutes
    rng = np.random.default_rng(0)
    values = np.log1p(rng.poisson(3, (60, 3))).astype(np.float32)
    namespace = {"values": values, "labels": np.arange(60) % 3, "controls": values[::3]}
    exec("from dataclasses import replace\n" + block, namespace)
    assert namespace["predicted"].shape == (100, 3)
    again = Doloris.load("my_model")
    assert again.config == namespace["model"].config
