"""Tables from score frames: what is shown, what is ranked and what must be said beneath."""

from bench.tables.comparison import comparison_table
from bench.tables.facts import Bounds, ColumnFacts, headline
from bench.tables.ranks import rank_table
from bench.tables.scores import score_table

__all__ = ["Bounds", "ColumnFacts", "comparison_table", "headline", "rank_table", "score_table"]
