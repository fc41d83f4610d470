"""doloris-bench: an honest benchmark of single-cell perturbation prediction."""

__version__ = "0.1.0"
