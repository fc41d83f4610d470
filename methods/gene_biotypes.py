"""Which genes are non-coding, told by their symbols."""

from __future__ import annotations

import re

_NON_CODING = re.compile(
    r"""
    LINC\d+ | .+-(?:AS|IT|DT|OT)\d* | SNHG\d+ | SNOR[AD]\d+ | MIR(?:LET)?\d+ | RNU\d+ | RN7S | RMRP | RPPH1
    | A[CFLP]\d{6}(?:\.\d+)? | RP\d+-\d+ | CT[ABCD]-\d+ | MALAT1 | NEAT1 | XIST | TSIX | MEG3 | KCNQ1OT1 | H19
    """,
    re.VERBOSE,
)


def is_non_coding(symbol: str) -> bool:
    """Whether a human gene symbol is that of a non-coding gene, by the rules of naming.

    Symbols of long intergenic, antisense, host-of-small-RNA and small RNA genes, names of sequenced clones, and a
    few genes that are named otherwise. A pseudogene or a gene named after a function is not recognised.
    """
    return _NON_CODING.match(symbol) is not None
