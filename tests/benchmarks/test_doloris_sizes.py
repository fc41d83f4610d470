"""Doloris at the sizes of the published screens: a whole run of Norman's, fitting on all of sci-Plex 3.

Run by hand: ``pytest tests/benchmarks/test_doloris_sizes.py -s``, on whatever device there is. The networks are the
default ones of that size. On a CPU, and on sci-Plex 3, they are hardly trained: time and memory of the rest do not
depend on what was learnt.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from on_device import find_device, peak_gib, wait
from scipy.sparse import csr_matrix, vstack

from doloris import Doloris, Perturbation, TrainingCells, corrected

BRIEF = replace(corrected(), steps=3, mask_steps=3)


@pytest.fixture
def device() -> str:
    return find_device()


def report(text: str, device: str, started: float) -> None:
    wait(device)
    took = time.perf_counter() - started
    print(
        f"\n{text} on {device}, {torch.get_num_threads()} threads: {took:.1f} s, peak memory {peak_gib(device):.1f} GiB"
    )


def cells_with_modules(rng: np.random.Generator, n_cells: int, n_genes: int) -> csr_matrix:
    """Cells whose depth varies, and whose genes are expressed together in twenty modules, 15 to 20 % of them."""
    rate, module = rng.beta(0.5, 2.0, n_genes), np.arange(n_genes) % 20
    blocks = []
    for start in range(0, n_cells, 5_000):
        n = min(5_000, n_cells - start)
        activity = np.exp(0.4 * rng.standard_normal((n, 20)))[:, module] * np.exp(0.3 * rng.standard_normal((n, 1)))
        on = rng.random((n, n_genes), dtype=np.float32) < rate * activity
        values = (rng.random((n, n_genes), dtype=np.float32) + 0.5) * on
        blocks.append(csr_matrix(values))
    return vstack(blocks, format="csr")


def cells_by_genes(rng: np.random.Generator, n_cells: int, n_genes: int, per_cell: int) -> csr_matrix:
    """Cells that express every so many-th gene from a random one on."""
    apart = n_genes // per_cell
    starts = rng.integers(0, apart, n_cells, dtype=np.int32)
    columns = (starts[:, None] + np.arange(per_cell, dtype=np.int32) * apart).ravel()
    values = rng.random(columns.size, dtype=np.float32) + 0.5
    return csr_matrix((values, columns, np.arange(n_cells + 1, dtype=np.int64) * per_cell), shape=(n_cells, n_genes))


def test_a_whole_run_of_norman(device: str) -> None:
    n_cells, n_trained, config = (90_000, 152, corrected()) if device == "cuda" else (4_000, 39, BRIEF)
    rng = np.random.default_rng(0)
    genes = tuple(f"G{number}" for number in range(5_000))
    values = cells_with_modules(rng, n_cells, len(genes))
    singles = tuple(Perturbation(genes=(gene,)) for gene in genes[:n_trained])
    cells = TrainingCells(values, genes, (Perturbation(), *singles), np.arange(n_cells) % (n_trained + 1))
    started = time.perf_counter()
    model = Doloris(config).fit(cells, seed=0, device=device)
    report(f"fit on {n_cells:,} cells x {len(genes):,} genes, {config.steps:,} steps", device, started)
    # a CPU does two of the 131 conditions; each costs the same
    count = 131 if device == "cuda" else 2
    pairs = [Perturbation(genes=(genes[number % 39], genes[(7 * number + 1) % 39])) for number in range(count)]
    controls = {0: values[cells.control]}

    sampled = time.perf_counter()
    made = model.sample(pairs, controls, n_cells=100, seed=0)
    report(f"{count} conditions x 100 cells x {config.sampling_steps} steps", device, sampled)
    report("in all", device, started)
    assert [cells.shape for cells in made] == [(100, len(genes))] * count


def test_fitting_on_all_of_sciplex3(device: str) -> None:
    n_cells, n_genes, n_types, doses = 580_000, 2_000, 3, (10.0, 100.0, 1_000.0, 10_000.0)
    rng = np.random.default_rng(0)
    values = cells_by_genes(rng, n_cells, n_genes, 300)
    conditions = tuple(
        Perturbation(drug=None if drug < 0 else drug, dose=0.0 if drug < 0 else dose, cell_type=cell_type)
        for cell_type in range(n_types)
        for drug in range(-1, 187)
        for dose in (doses if drug >= 0 else (0.0,))
    )
    labels = rng.integers(0, len(conditions), n_cells)
    drugs = rng.standard_normal((187, 200))
    cells = TrainingCells(values, tuple(f"G{n}" for n in range(n_genes)), conditions, labels, n_types, drugs)
    stored = (values.data.nbytes + values.indices.nbytes + values.indptr.nbytes) / 2**30

    started = time.perf_counter()
    model = Doloris(BRIEF).fit(cells, seed=0, device=device)
    report(f"fit on {n_cells:,} cells x {n_genes:,} genes, {stored:.1f} GiB as CSR", device, started)
    controls = {0: values[(labels == 0)]}
    assert model.sample([conditions[1]], controls, n_cells=20, seed=0)[0].shape == (20, n_genes)
