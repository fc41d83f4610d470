"""Reports for tests of the output formats: one as large as a paper's, and strategies for any."""

import math

from hypothesis import strategies as st

from reports.model import Cell, Column, Comparison, Difference, Note, Row, Section, Source, Table

AWKWARD = 'sc_gpt & co (100 % {β}, 5 µM ± 1) #1 ~x^2 <a|b> \\n "q" $5 naïve 丁'
SOURCE = Source(
    "norman_double",
    "calibrated@1",
    "Euclidean U-statistic; DE genes ranked on one half of the cells & scored on the other.",
    "0123456789abcdef" * 4,
    (("split", "a1b2"), ("note", "two\nlines -- here")),
)
_NAMES = ("doloris", "additive", "linear", "matching-mean", "perturbed-mean", "random-training-cells", "gears", AWKWARD)


def _cell(mean, **options):
    return Cell(mean, abs(mean) / 50, abs(mean) / 10, 131, 5, **options)


def paper_table(*, spread="conditions"):
    """Eight methods and three bounds by nine columns, with every kind of footnote."""
    columns = tuple(
        Column(
            metric,
            genes,
            label,
            group,
            "lower",
            0.0,
            decimals=4 if metric == "rmse" else 3,
            dynamic_range=0.04 if (metric, genes) == ("emd", "de20") else 0.8,
            greyed=(metric, genes) == ("emd", "de20"),
            notes=("a",) if (metric, genes) == ("emd", "de20") else (),
        )
        for genes, group in (("all", "all genes"), ("de20", "DE20"), ("de40", "DE40"))
        for metric, label in (("rmse", "RMSE"), ("e_distance", "E-distance"), ("emd", "EMD"))
    )
    sizes = [0.0336, 0.4682, 0.0348, 0.1094, 11.4653, 0.0789, 0.0987, -0.4976, 0.0811]

    def row(name, kind, factor, notes=()):
        cells = []
        for size, column in zip(sizes, columns, strict=True):
            place = {1.0: "best", 1.1: "second"}.get(factor) if kind == "method" and not column.greyed else None
            cells.append(_cell(size * factor, rank=place))
        return Row(name, kind, tuple(cells), notes)

    rows = [row("technical duplicate", "floor", 0.5), row("oracle", "oracle", 0.5)]
    rows += [row(name, "method", 1 + 0.1 * index, ("b",) * (index == 1)) for index, name in enumerate(_NAMES)]
    rows.append(Row("cpa", "method", (None,) * 9, ("c",)))
    rows.append(row("control", "ceiling", 2.5))
    undefined = Cell(math.nan, math.nan, math.nan, 0, 5, n_undefined=131, notes=("d",))
    rows[4] = Row(rows[4].name, "method", (undefined, *rows[4].cells[1:]), rows[4].notes)
    notes = (
        Note("a", "dynamic range fraction below 0.1: the metric cannot tell models apart"),
        Note("b", "mean output, lifted"),
        Note("c", "not supported: needs a known vocabulary of 100 % of the genes"),
        Note("d", "undefined (NaN) for all 131 conditions"),
    )
    return Table(SOURCE, 131, spread, columns, tuple(rows), notes)


def paper_comparison(n_sections=3):
    """Eight methods against one under several metrics."""

    def difference(name, index):
        return Difference(
            name, 0.01 * index - 0.02, -0.03, 0.04, 0.01, 0.0003 * index, 0.001 * index, 0.02, 131, 5, 1, "undecided"
        )

    sections = []
    for number in range(n_sections):
        column = Column("rmse", f"de{number}", "RMSE", f"DE{number}", "lower", 0.0, 3)
        absent = Difference("cpa", *(math.nan,) * 7, 0, 0, 1, "undecided", ("a",))
        sections.append(Section(column, (*(difference(name, index) for index, name in enumerate(_NAMES)), absent)))
    return Comparison(SOURCE, "linear", 131, 0.95, 0.05, 10_000, tuple(sections), (Note("a", "not supported"),))


_numbers = st.floats(-1e4, 1e4, allow_nan=False) | st.just(math.nan)


@st.composite
def tables(draw):
    """Any table of up to four columns and rows, its labels plain."""
    n_columns, n_rows = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    columns = tuple(
        Column(f"m{i}", "all", f"metric {chr(65 + i)}", "all genes", "lower", 0.0, draw(st.integers(0, 5)))
        for i in range(n_columns)
    )
    ranks = st.sampled_from([None, "best", "second"])
    cell = st.builds(Cell, _numbers, _numbers, _numbers.map(abs), st.just(3), st.just(2), rank=ranks)
    rows = tuple(
        Row(f"method {chr(65 + i)}", "method", tuple(draw(cell | st.none()) for _ in columns)) for i in range(n_rows)
    )
    return Table(SOURCE, 3, "conditions", columns, rows)


def shown(table):
    """What each cell must show: rows of (mean, spread), as Python rounds them; None for a dash, '' for no spread."""

    def text(value, decimals):
        plain = f"{round(value, decimals):.{decimals}f}"
        return plain.lstrip("-") if float(plain) == 0 else plain

    def pair(cell, column):
        if cell is None:
            return None
        spread = cell.spread(table.spread)
        mean = "NaN" if math.isnan(cell.mean) else text(cell.mean, column.decimals)
        return mean, "" if math.isnan(cell.mean + spread) else text(spread, column.decimals)

    return [[pair(*each) for each in zip(row.cells, table.columns, strict=True)] for row in table.rows]


def read(text):
    """(mean, spread) of a cell's text with its markup removed; None for a dash."""
    text = text.strip().strip("*†").replace("−", "-")
    if text == "–":
        return None
    mean, _, spread = text.partition("±")
    return mean.strip(), spread.strip()
