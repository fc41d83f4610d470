"""Footnotes: each text once, marked in the order of first use."""

from __future__ import annotations

from collections.abc import Iterable

from reports.model import Note


class Footnotes:
    """Collects the footnotes of one report while it is built."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def mark(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Marks of these texts: ``a`` ... ``z``, ``aa`` ..."""
        return tuple(self._marks.setdefault(text, _letters(len(self._marks))) for text in texts)

    @property
    def notes(self) -> tuple[Note, ...]:
        """Every footnote so far."""
        return tuple(Note(mark, text) for text, mark in self._marks.items())


def _letters(index: int) -> str:
    letters = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        letters = chr(ord("a") + digit) + letters
    return letters
