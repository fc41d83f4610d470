"""Predicted cells of one method on one task, as the evaluator receives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
from scipy.sparse import csr_matrix

from methods.base import Output


@dataclass(frozen=True)
class Predictions:
    """Predicted cells per condition.

    Parameters
    ----------
    genes
        Gene panel of the columns; the same, in the same order, as the held-out cells' once aligned.
    output
        ``"cells"``, or ``"mean"`` when each matrix is the one row of a predicted mean profile.
    cells
        Condition key -> (n, g) CSR, log-normalised, >= 0.
    unsupported
        Condition key -> why the method has no mechanism for it; never scored, never imputed.
    """

    genes: pd.Index
    output: Output
    cells: Mapping[str, csr_matrix]
    unsupported: Mapping[str, str] = field(default_factory=dict)
