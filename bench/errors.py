"""Errors a user can cause; each message names the file, the field, the value and the remedy."""


class BenchError(Exception):
    """Base of the benchmark's own errors; the command line prints its message and nothing else."""

    exit_code = 2


class DataError(BenchError):
    """A data file that cannot be read, recognised or trusted."""


class DatasetMissing(DataError):
    """A data set that has not been fetched or imported yet."""

    exit_code = 3


class FetchError(DataError):
    """A file that could not be fetched, or that arrived other than it should be."""


class SplitError(BenchError):
    """A split file that is malformed or does not fit its data set."""


class PredictionError(BenchError):
    """Predictions that are incomplete, misshapen or on the wrong scale."""


class MethodError(BenchError):
    """A method that cannot be found, loaded or breaks the contract."""


class ProtocolError(BenchError):
    """An unknown protocol, or one that cannot score this task."""


class StoreError(BenchError):
    """A results folder that is damaged or cannot be written."""


class TooFewCells(BenchError):
    """A statistic asked of fewer cells than it needs."""
