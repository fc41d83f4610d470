"""Data of score against number of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.figures.values import on_all_genes, scope_label
from bench.figures.variants import entrants

if TYPE_CHECKING:
    from bench.leaderboard import Leaderboard

_GROUPS = 6


def build(boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Every method and condition of a task under the headline metrics on all genes."""
    (board,) = boards
    held_out = board.evaluator.held_out
    cells = np.array([held_out.cells[key].shape[0] for key in board.conditions])
    frames = []
    for column in on_all_genes(board):
        for method in entrants(board):
            value = column.values[method].mean(axis=0)
            known = np.isfinite(value)
            if known.any():
                frame = by_cells(cells[known], value[known])
                frame.insert(0, "condition", np.array(board.conditions)[known])
                frames.append(frame.assign(method=method, metric=column.fact.label, genes=scope_label(column.genes)))
    return pd.concat(frames, ignore_index=True)


def by_cells(cells: np.ndarray, value: np.ndarray) -> pd.DataFrame:
    """Values with the medians of their group of like cell numbers, and Spearman's correlation with the cell number."""
    frame = pd.DataFrame({"cells": cells, "value": value})
    groups = pd.qcut(frame["cells"], min(_GROUPS, max(1, len(frame) // 3)), duplicates="drop", labels=False)
    by_group = frame.groupby(groups.fillna(0))
    frame["group_cells"] = by_group["cells"].transform("median")
    frame["group_value"] = by_group["value"].transform("median")
    # Spearman's is Pearson's of the ranks; undefined where either does not vary.
    ranks = frame[["cells", "value"]].rank()
    varies = bool((ranks.nunique() > 1).all())
    frame["correlation"] = float(np.corrcoef(ranks["cells"], ranks["value"])[0, 1]) if varies else np.nan
    return frame
