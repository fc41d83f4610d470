"""The one style: told apart by everyone, and gone when the figure is drawn."""

from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from report_examples import AWKWARD

from reports.figures.costs import score_by_cost
from reports.figures.intra_distance import intra_distance
from reports.figures.style import COLOURS, canvas, looks, plain_log, save, style

# Machado, Oliveira & Fernandes 2009, severity 1: linear RGB as seen with each deficiency.
SEEN = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.089])


def lab(colour, matrix):
    """CIELAB of a colour as seen through a matrix."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt(_XYZ @ np.clip(np.asarray(matrix) @ linear, 0, 1) / _WHITE)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("kind", SEEN)
def test_any_two_colours_of_the_palette_are_told_apart(kind):
    for one, other in combinations(COLOURS, 2):
        assert np.linalg.norm(lab(one, SEEN[kind]) - lab(other, SEEN[kind])) > 10, (one, other)


def test_a_method_looks_the_same_whatever_the_order_and_no_two_look_alike():
    names = [f"method {index}" for index in range(60)]
    assert looks(names) == looks(reversed(names))
    assert len(set(looks(names).values())) == 60


def test_the_style_ends_with_its_block():
    before = dict(mpl.rcParams)
    with style():
        assert mpl.rcParams["pdf.fonttype"] == 42
    assert dict(mpl.rcParams) == before


def test_a_logarithmic_axis_has_plain_numbers_even_within_a_decade(tmp_path):
    with style():
        figure, (axis,) = canvas(1, "", columns=1, height=2.0)
        axis.plot([42, 90], [0, 1])
        plain_log(axis, "x")
    save(figure, tmp_path / "axis.png", "png")
    labels = [label.get_text() for label in axis.get_xticklabels()]
    assert len([label for label in labels if 42 <= float(label) <= 90]) >= 2
    assert all("10^" not in label for label in labels)


def test_names_are_never_read_as_markup(tmp_path):
    name = rf"$\nonsense{{$ {AWKWARD.replace(chr(0x4E01), '')} $5^_"
    frame = pd.DataFrame({"task": name, "method": [name, name], "condition": ["A", "B"], "intra_distance": [1.0, 2.0]})
    figure = intra_distance(frame, name)
    save(figure, tmp_path / "names.pdf", "pdf")
    assert name in [label.get_text() for label in figure.axes[0].get_yticklabels()]
    row = {"task": name, "method": name, "metric": name, "genes": name, "better": "lower"}
    costs = pd.DataFrame([{**row, "value": 1.0, "seconds": 2.0, "gibibytes": 0.5}])
    save(score_by_cost(costs, name), tmp_path / "costs.png", "png")
    assert (tmp_path / "costs.png").stat().st_size > 1000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("form", ["pdf", "png"])
def test_a_full_disk_is_reported_as_such(form):
    figure, _ = canvas(1, "", columns=1, height=1.0)
    with pytest.raises(OSError, match="No space left"):
        save(figure, Path("/dev/full"), form)
