"""Small score frames for tests of tables."""

import pandas as pd

from bench.tables import ColumnFacts

RMSE = ColumnFacts("rmse", "RMSE", "lower", 0.0)
RETRIEVAL = ColumnFacts("retrieval", "retrieval", "higher", 1.0)
VARIANCE = ColumnFacts("variance", "variance ratio", "closer", 1.0)
COLUMNS = ["task", "protocol", "method", "seed", "condition", "metric", "genes", "value"]


def frame(values, *, metric="rmse", genes="all"):
    """Scores from {method: [[value per condition] per seed]}; conditions are c0, c1, ..."""
    rows = [
        ("toy", "calibrated@1", method, seed, f"c{index}", metric, genes, float(value))
        for method, seeds in values.items()
        for seed, line in enumerate(seeds)
        for index, value in enumerate(line)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def declined(*rows):
    """Unsupported conditions from (method, condition, reason)."""
    return pd.DataFrame(rows, columns=["method", "condition", "reason"])


def cell(table, method, column=0):
    """The cell of a method."""
    return next(row for row in table.rows if row.name == method).cells[column]


def row(table, method):
    """The row of a method."""
    return next(row for row in table.rows if row.name == method)


def texts(table, marks):
    """What the footnotes with these marks say."""
    return [note.text for note in table.notes if note.mark in marks]
