"""Builds the tidy data frame of every figure from stored runs and held-out cells; ``reports/figures`` draws them."""
