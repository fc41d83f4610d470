"""Errors a caller can cause; each message names the field, the value and the remedy."""


class DolorisError(Exception):
    """Base of the library's own errors."""


class ConfigError(DolorisError):
    """A configuration that contradicts itself."""


class CellsError(DolorisError):
    """Cells, labels or priors that do not fit together."""


class UnknownPerturbation(DolorisError):
    """A condition the fitted model has no representation for."""


class NotFitted(DolorisError):
    """A model asked for cells before it was fitted."""


class CheckpointError(DolorisError):
    """A saved model or checkpoint that is damaged or belongs to another run."""
