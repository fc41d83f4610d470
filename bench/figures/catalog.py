"""Every figure there is."""

from __future__ import annotations

from bench.figures import (
    activation,
    bimodal_genes,
    cell_numbers,
    costs,
    intra_distance,
    paired,
    ranks,
    signal_to_noise,
    variants,
)
from bench.figures.declare import FigureSpec
from reports.figures.activation import activation as draw_activation
from reports.figures.bimodal_genes import bimodal_genes as draw_bimodal_genes
from reports.figures.cell_numbers import score_by_cells
from reports.figures.costs import score_by_cost
from reports.figures.intra_distance import intra_distance as draw_intra_distance
from reports.figures.paired import paired_scatter
from reports.figures.ranks import rank_over_tasks
from reports.figures.signal_to_noise import signal_to_noise as draw_signal_to_noise
from reports.figures.variants import ablations, evaluations

FIGURES = (
    FigureSpec(
        "fig2_intra_distance",
        "Distance between the cells predicted for one condition, over conditions, beside that of the held-out cells.",
        "2",
        per_task=False,
        build=intra_distance.build,
        draw=draw_intra_distance,
    ),
    FigureSpec(
        "fig4_bimodal_genes",
        "The 20 most differential genes of the condition in which most of them are bimodal (coefficient above 5/9, "
        "smaller mode at least a tenth of the cells), ranked on one half of the cells and shown on the other.",
        "4",
        per_task=True,
        build=bimodal_genes.build,
        draw=draw_bimodal_genes,
    ),
    FigureSpec(
        "fig5_activation",
        "Predicted probability that a gene is expressed above 0.05 against its observed frequency, with the expected "
        "calibration error, for the two conditions with the most cells.",
        "5",
        per_task=True,
        build=activation.build,
        draw=draw_activation,
    ),
    FigureSpec(
        "fig6_ablations",
        "Scores without one part of the model; bars are 95 % bootstrap intervals over conditions and seeds.",
        "6",
        per_task=True,
        build=variants.build_ablations,
        draw=ablations,
    ),
    FigureSpec(
        "fig7_nfe",
        "Scores and prediction time over the number of function evaluations; bands are 95 % bootstrap intervals.",
        "7",
        per_task=True,
        build=variants.build_evaluations,
        draw=evaluations,
    ),
    FigureSpec(
        "fig8_signal_to_noise",
        "Signal-to-noise ratio (Eq. 18) and its ratio to that of the fewest genes (Eq. 19) over the most variable "
        "genes, with all values and without zeros.",
        "8",
        per_task=False,
        build=signal_to_noise.build,
        draw=draw_signal_to_noise,
    ),
    FigureSpec(
        "paired_scatter",
        "The best method against the best baseline, condition by condition, with the mean paired difference and its "
        "95 % interval.",
        "",
        per_task=True,
        build=paired.build,
        draw=paired_scatter,
    ),
    FigureSpec(
        "score_by_cells",
        "Score of every condition against its number of held-out cells; an honest metric shows no trend.",
        "",
        per_task=True,
        build=cell_numbers.build,
        draw=score_by_cells,
    ),
    FigureSpec(
        "rank_over_tasks",
        "Mean rank of every method over the headline metrics of each task; a dash where it is not ranked.",
        "",
        per_task=False,
        build=ranks.build,
        draw=rank_over_tasks,
    ),
    FigureSpec(
        "score_by_cost",
        "First headline score against the time to fit and predict and against peak memory; medians over seeds.",
        "",
        per_task=False,
        build=costs.build,
        draw=score_by_cost,
    ),
)
