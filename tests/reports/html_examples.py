"""An HTML report with names that would do harm where they are taken for markup."""

import math

from report_examples import AWKWARD, paper_comparison, paper_table

from reports.html.model import Board, CellLook, GeneView, HtmlReport, Perturbation, RunLine, TaskView

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">&amp;\u2028'"


def hostile_report():
    """One board of the paper's size; a hostile title, perturbation, gene and run."""
    table = paper_table()
    conditions = (HOSTILE, "B", "C")
    headline = tuple((column.metric, column.genes) for column in table.columns[:3])
    values = {pair: {row.name: (0.5, 0.25, math.nan) for row in table.rows} for pair in headline}
    board = Board(table, headline, paper_comparison(1), conditions, values)
    genes = (
        GeneView(HOSTILE, (500, 300, 200), (900, 100), {AWKWARD: (400, 600)}),
        GeneView("G2", (1000,), (1000,), {AWKWARD: (1000,)}),
    )
    looks = {AWKWARD: CellLook(0.4, 12.0, math.nan)}
    perturbations = tuple(Perturbation(key, 40, genes, CellLook(0.5, 13.0, 1.0), looks) for key in conditions)
    task = TaskView("norman_double", HOSTILE, "", 0.5, perturbations)
    run = RunLine("key", "norman_double", HOSTILE, 0, "finished", 1.5, math.nan, HOSTILE, (("name", HOSTILE),))
    return HtmlReport(HOSTILE, (task,), (board,), (run,), (("version", HOSTILE),))
