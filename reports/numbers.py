"""How numbers are written: one number of decimals per column, a real minus sign, NaN as NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

MINUS = "−"
SPREAD_DIGITS = 2
MEAN_DIGITS = 4
PLAIN_DIGITS = 3
MOST_DECIMALS = 8


def decimals_for(means: Sequence[float], spreads: Sequence[float], *, spread_digits: int = SPREAD_DIGITS) -> int:
    """Decimals for a column, so that the typical spread shows ``spread_digits`` significant digits.

    More than four significant digits of the typical mean are never shown; where no spread is known,
    three are. NaN and zeros are ignored.
    """
    sizes = [abs(x) for x in means if x != 0 and math.isfinite(x)]
    widths = [x for x in spreads if x > 0 and math.isfinite(x)]
    if not sizes and not widths:
        return PLAIN_DIGITS - 1
    if not widths:
        wanted = PLAIN_DIGITS - 1 - _exponent(median(sizes))
    else:
        wanted = spread_digits - 1 - _exponent(median(widths))
        if sizes:
            typical = max(median(sizes), median(widths))
            wanted = min(wanted, MEAN_DIGITS - 1 - _exponent(typical))
    return min(max(wanted, 0), MOST_DECIMALS)


def rounded(value: float, decimals: int) -> float:
    """The number that :func:`number` shows; zero has no sign."""
    return float(f"{value:.{decimals}f}") + 0.0


def number(value: float, decimals: int) -> str:
    """A number as shown: ``−0.034``; ``NaN`` stays ``NaN``."""
    if math.isnan(value):
        return "NaN"
    text = f"{rounded(value, decimals):.{decimals}f}"
    return text.replace("-", MINUS)


def p_value(value: float) -> str:
    """A p-value as shown: three decimals, ``< 0.001`` below that."""
    if math.isnan(value):
        return "NaN"
    return "< 0.001" if value < 0.0005 else f"{value:.3f}"


def _exponent(value: float) -> int:
    return math.floor(math.log10(value))
