"""Linear: a bilinear ridge regression between gene and perturbation embeddings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from methods.base import Method, Progress, Query, TrainingData, Unsupported
from methods.conditions import Condition, TaskKind
from methods.shifts import Shifts


class Linear(Method):
    r"""The linear model of Ahlmann-Eltze et al. (2025), with both embeddings from the training data.

    With X the (genes x conditions) mean profiles of the training conditions and the control c,
    Y = X - c, G the first K principal component scores of X (genes as observations, columns centred,
    unscaled) and :math:`P_p` = row p of G for gene p, 0 for the control:

    .. math:: W = (G^\top G + \lambda I)^{-1} G^\top (Y - b) P^\top (P P^\top + \lambda I)^{-1},
        \quad \hat y_p = G W P_p + b + c

    b is the row mean of the columns of Y that are fitted: the control and the single perturbations
    of a measured gene. Everything is float64 and closed-form. (Nature Methods 2025,
    https://github.com/const-ae/linear_perturbation_prediction-Paper, ``run_linear_pretrained_model.R``.)

    The source leaves open what follows. A double is predicted with :math:`P_{A+B} = P_A + P_B`. In a
    screen with several cell types every (condition, cell type) is a column, Y is taken against the
    control of its own cell type, and W and b are shared. K is at most the number of conditions or
    genes. A perturbed gene that is not measured has no row of G and is not predicted; neither is a
    treatment, which is no gene.
    """

    name = "linear"
    tasks = frozenset({TaskKind.UNSEEN_GENE, TaskKind.DOUBLE_GENE, TaskKind.UNSEEN_COVARIATE})
    output = "mean"
    role = "baseline"

    n_components = 10
    ridge = 0.1

    def configuration(self) -> Mapping[str, object]:
        """K and lambda."""
        return {"n_components": self.n_components, "ridge": self.ridge}

    def fit(self, train: TrainingData, *, seed: int, device: str, progress: Progress) -> None:
        """Solve for W in closed form."""
        if any(condition.modality == "treatment" for condition in train.conditions.values()):
            raise Unsupported("a treatment is not a gene, so it has no row in the gene embedding")
        self._shifts = Shifts.of(train)
        self._rows = {gene: row for row, gene in enumerate(train.genes)}
        profiles = train.condition_means(controls=True).to_numpy().T  # (n_genes, n_conditions)
        self._embedding = _principal_component_scores(profiles, self.n_components)  # (n_genes, K)

        singles = [condition for condition in self._shifts.by_condition if self._is_measured_single(condition)]
        if not singles:
            raise Unsupported("no single perturbation of a measured gene is among the training conditions")
        controls = [Condition((), cell_type=cell_type) for cell_type in self._shifts.controls]
        perturbations = np.stack([self._perturbation(condition) for condition in (*controls, *singles)], axis=1)
        targets = np.zeros((len(profiles), len(controls) + len(singles)))  # Y; a control differs from itself by 0
        targets[:, len(controls) :] = np.stack([self._shifts.by_condition[single] for single in singles], axis=1)
        self._offset = targets.mean(axis=1)
        self._weights = self._solve(targets - self._offset[:, None], perturbations)

    def predict(self, query: Query, *, n_cells: int, seed: int) -> np.ndarray:
        """Repeat the mean profile: (n_cells, n_genes), log-normalised; slightly negative values can occur."""
        effect = self._embedding @ (self._weights @ self._perturbation(query.condition))
        profile = effect + self._offset + self._shifts.control(query.condition.cell_type)
        return np.broadcast_to(profile, (n_cells, profile.size))

    def _is_measured_single(self, condition: Condition) -> bool:
        return len(condition.perturbations) == 1 and condition.perturbations[0] in self._rows

    def _perturbation(self, condition: Condition) -> np.ndarray:
        """Sum of the perturbed genes' embeddings, (K,); zero for the control."""
        unmeasured = [gene for gene in condition.perturbations if gene not in self._rows]
        if unmeasured:
            raise Unsupported(f"{', '.join(unmeasured)} not among the measured genes")
        rows = [self._rows[gene] for gene in condition.perturbations]
        total: np.ndarray = self._embedding[rows].sum(axis=0)
        return total

    def _solve(self, centred: np.ndarray, perturbations: np.ndarray) -> np.ndarray:
        genes = self._embedding
        penalty = self.ridge * np.eye(genes.shape[1])
        left = np.linalg.solve(genes.T @ genes + penalty, genes.T @ centred @ perturbations.T)
        # The right Gram matrix is symmetric: (left M^-1)' = M^-1 left'.
        return np.linalg.solve(perturbations @ perturbations.T + penalty, left.T).T


def _principal_component_scores(profiles: np.ndarray, n_components: int) -> np.ndarray:
    """Scores of the rows on the first components of the column-centred matrix: (n_genes, <= n_components)."""
    centred = profiles - profiles.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    scores: np.ndarray = left[:, :n_components] * singular[:n_components]
    return scores
