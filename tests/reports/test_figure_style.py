"""The one style: told apart by everyone, and gone when the figure is drawn."""

from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from report_examples import AWKWARD

from reports.figures.activation import activation
from reports.figures.costs import score_by_cost
from reports.figures.intra_distance import intra_distance
from reports.figures.paired import paired_scatter
from reports.figures.ranks import rank_over_tasks
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
    shown = looks(pd.DataFrame({"method": names}))
    assert shown == looks(pd.DataFrame({"method": names[::-1]}))
    assert len(set(shown.values())) == 60


def test_a_method_looks_the_same_in_all_figures_drawn_together():
    few, many = pd.DataFrame({"method": ["b"]}), pd.DataFrame({"method": ["a", "b", "c"]})
    few.attrs["methods"] = many.attrs["methods"] = ["a", "b", "c"]
    assert looks(few)["b"] == looks(many)["b"]
    assert looks(few[few["method"] != "a"])["b"] == looks(many)["b"]


def test_a_title_of_ranks_on_one_task_is_not_clipped():
    frame = pd.DataFrame(
        {"task": "t", "method": ["perturbed-mean", "doloris-paper"], "metric": "m", "genes": "all", "rank": [1.0, 2.0]}
    )
    figure = rank_over_tasks(frame)
    with style():
        figure.draw_without_rendering()
    title = figure.axes[0]._left_title.get_window_extent()
    assert title.x1 <= figure.bbox.x1


def test_the_paired_figure_says_that_its_p_is_not_adjusted_and_has_real_minus_signs():
    row = {"metric": "m", "genes": "all", "better": "lower", "method": "a", "reference": "b", "value": 1.0}
    numbers = {"reference_value": 2.0, "difference": -1.0, "mean": -1.0, "low": -2.0, "high": -0.5, "p": 0.01}
    figure = paired_scatter(pd.DataFrame([{**row, **numbers, "condition": key} for key in "cd"]))
    title = figure.axes[1].get_title(loc="left")
    assert "p 0.01, not adjusted" in title
    assert "mean −1, 95 % [−2, −0.5]" in title


def test_the_activation_figure_names_its_method():
    numbers = {"predicted": 0.5, "observed": 0.5, "error_all": 0.0, "error_active": 0.0}
    frame = pd.DataFrame([{"method": "mine", "condition": "c", "gene": gene, **numbers} for gene in "ab"])
    assert "mine" in activation(frame).axes[0].get_xlabel()


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
