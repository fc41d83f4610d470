"""What makes a screen look real: the same statistics for simulated and for public data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import kurtosis, skew

SHARED = Path(__file__).resolve().parents[3] / "../shared/data"


def log_normalised(counts: csr_matrix) -> csr_matrix:
    totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    return csr_matrix(counts.multiply(1e4 / totals[:, None])).log1p()


def zero_fraction(matrix: csr_matrix) -> float:
    return 1.0 - matrix.nnz / float(np.prod(matrix.shape))


def depth_spread(counts: csr_matrix) -> float:
    """Standard deviation of the natural log of a cell's counts."""
    return float(np.log(np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)).std())


def dispersion(counts: csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Mean and moment estimate of the negative-binomial dispersion of each gene, given each cell's depth."""
    values = counts.toarray().astype(float)
    size = values.sum(axis=1, keepdims=True)
    size /= size.mean()
    rate = (values / size).mean(axis=0)
    excess = ((values - size * rate) ** 2 - size * rate).sum(axis=0)
    return values.mean(axis=0), excess / np.maximum((size**2).sum() * rate**2, 1e-12)


def median_dispersion(counts: csr_matrix, low: float, high: float) -> float:
    """Median dispersion of genes with a mean count in [low, high)."""
    mean, phi = dispersion(counts)
    return float(np.median(phi[(mean >= low) & (mean < high)]))


def bimodal_share(counts: csr_matrix) -> float:
    """Share of genes, of those with a mean count of 1 or more, whose Sarle coefficient exceeds 5/9 (uniform)."""
    values = counts.toarray().astype(float)
    size = values.sum(axis=1, keepdims=True)
    values = np.log1p(values / (size / size.mean()))[:, values.mean(axis=0) >= 1]
    n = values.shape[0]
    correction = 3.0 * (n - 1) ** 2 / ((n - 2) * (n - 3))
    coefficient = (skew(values) ** 2 + 1.0) / (kurtosis(values) + correction)
    return float(np.mean(coefficient > 5.0 / 9.0))


def leading_share(matrix: csr_matrix, n_cells: int = 600) -> float:
    """Share of the variance of log values along the leading axis, over what it is with each gene permuted."""
    rng = np.random.default_rng(0)
    values = matrix[:n_cells].toarray().astype(float)
    permuted = rng.permuted(values, axis=0)

    def share(cells: np.ndarray) -> float:
        squares = np.linalg.svd(cells - cells.mean(axis=0), compute_uv=False) ** 2
        return float(squares[0] / squares.sum())

    return share(values) / share(permuted)


def energy_distance(x: np.ndarray, y: np.ndarray) -> float:
    """U-statistic, plain Euclidean."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    n, m = len(x), len(y)
    within_x = _distances(x, x)
    within_y = _distances(y, y)
    np.fill_diagonal(within_x, 0.0)
    np.fill_diagonal(within_y, 0.0)
    return float(2 * _distances(x, y).mean() - within_x.sum() / n / (n - 1) - within_y.sum() / m / (m - 1))


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * x @ y.T
    return np.sqrt(np.maximum(squares, 0.0))


class Screen:
    """Log-normalised cells of a screen by condition."""

    def __init__(self, matrix: csr_matrix, labels: np.ndarray, most: int = 300) -> None:
        rng = np.random.default_rng(0)
        # shuffled, because the halves compared below must not be two replicates of the screen
        self.cells = {
            key: matrix[rng.permutation(np.flatnonzero(labels == key))[: most * (5 if key == "ctrl" else 1)]]
            for key in sorted(set(labels))
        }
        self.control = self.mean("ctrl")

    def mean(self, key: str) -> np.ndarray:
        return np.asarray(self.cells[key].mean(axis=0)).ravel()

    def change(self, key: str) -> np.ndarray:
        return self.mean(key) - self.control

    @property
    def singles(self) -> list[str]:
        return [key for key in self.cells if key != "ctrl" and "+" not in key]

    @property
    def doubles(self) -> list[str]:
        """Doubles of which both singles are there."""
        return [key for key in self.cells if "+" in key and all(gene in self.cells for gene in key.split("+"))]

    def distance_to_control(self, key: str) -> float:
        return energy_distance(self.cells[key].toarray(), self.cells["ctrl"][:300].toarray())

    def reproducibility(self, key: str) -> float:
        """Correlation of the changes of mean expression seen in two halves of the cells."""
        cells = self.cells[key]
        half = cells.shape[0] // 2
        first, second = (np.asarray(part.mean(axis=0)).ravel() - self.control for part in (cells[:half], cells[half:]))
        return float(np.corrcoef(first, second)[0, 1])


def fit_double(first: np.ndarray, second: np.ndarray, double: np.ndarray) -> tuple[float, float, float]:
    """Coefficients a, b of double ~ a · first + b · second, and the correlation of the plain sum with the double."""
    singles = np.stack([first, second], axis=1)
    a, b = np.linalg.lstsq(singles, double, rcond=None)[0]
    return float(a), float(b), float(np.corrcoef(first + second, double)[0, 1])
