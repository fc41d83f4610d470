"""Figures: each one function from a tidy data frame to a matplotlib figure, all in one style."""
