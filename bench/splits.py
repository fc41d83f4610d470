"""Split files: which conditions train, validate and test a task, and how controls are folded.

A split file is TOML, one per task, stamped with the hash of its own content so that an edit
cannot pass unnoticed.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.atomic import write_text
from bench.errors import SplitError
from bench.hashing import hash_json
from methods.conditions import ConditionError, Modality, TaskKind, canonical_key, parse_key

Fraction = Annotated[float, Field(gt=0, lt=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ControlFolds(_Strict):
    """Fractions of the control cells; a cell's fold is a seeded hash of its id.

    ``train`` goes to the methods, ``scoring`` is the control reference of the metrics, ``de`` ranks
    differentially expressed genes. The three are disjoint.
    """

    train: Fraction = 0.6
    scoring: Fraction = 0.2
    de: Fraction = 0.2

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = self.train + self.scoring + self.de
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + scoring + de is {total:g}, must be 1")
        return self


class SplitConditions(_Strict):
    """Canonical condition keys of each part; a condition in no part is not used."""

    train: tuple[str, ...] = Field(min_length=1)
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = Field(min_length=1)


class Split(_Strict):
    """One split file."""

    schema_version: Literal[1] = Field(1, alias="schema")
    task: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    kind: TaskKind
    dataset: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    modality: Modality
    source: str = Field(min_length=1)
    seed: int = Field(0, ge=0, lt=2**32)
    controls: ControlFolds = ControlFolds()
    conditions: SplitConditions

    @model_validator(mode="after")
    def _canonical_and_disjoint(self) -> Self:
        where: dict[str, str] = {}
        for part in ("train", "validation", "test"):
            for index, key in enumerate(getattr(self.conditions, part)):
                field = f"conditions.{part}[{index}]"
                try:
                    canonical = canonical_key(key, self.modality)
                except ConditionError as error:
                    raise ValueError(f"{field}: {error}") from error
                if canonical != key:
                    raise ValueError(f"{field}: {key!r} is not canonical; write {canonical!r}")
                if parse_key(key, self.modality).is_control:
                    raise ValueError(f"{field}: {key!r} is the control; controls are folded by [controls]")
                if key in where:
                    raise ValueError(f"{field}: {key!r} is also {where[key]}; a condition belongs to one part")
                where[key] = field
        return self

    @property
    def hash(self) -> str:
        """SHA-256 over everything the file says."""
        return hash_json(self.model_dump(mode="json", by_alias=True))


def read_split(path: Path) -> Split:
    """Read and check a split file.

    Raises
    ------
    SplitError
        If the file is missing, not TOML, has an unknown or missing key, a non-canonical or repeated
        condition, or a stamp that does not match its content.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SplitError(f"{path}: cannot be read ({error}); make one with `python -m bench split`") from error
    except tomllib.TOMLDecodeError as error:
        raise SplitError(
            f"{path}: not a TOML file ({error}); correct that line, or re-run `python -m bench split`"
        ) from error
    stamp = content.pop("hash", None)
    try:
        split = Split.model_validate(content)
    except ValidationError as error:
        raise SplitError(f"{path}: {_first_problem(error)}") from error
    if stamp != split.hash:
        raise SplitError(
            f"{path}: hash is {str(stamp)[:12]!r} but the content hashes to {split.hash[:12]!r}: the file was edited "
            "after it was stamped. Restore it, or accept the edit with `python -m bench split --stamp "
            + str(path)
            + "`"
        )
    return split


def stamp_split(path: Path) -> Split:
    """Re-stamp a hand-edited split file after checking it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SplitError(f"{path}: cannot be read as TOML ({error})") from error
    content.pop("hash", None)
    try:
        split = Split.model_validate(content)
    except ValidationError as error:
        raise SplitError(f"{path}: {_first_problem(error)}") from error
    write_split(split, path)
    return split


def write_split(split: Split, path: Path) -> None:
    """Write a split file, stamped, atomically."""
    write_text(path, split_toml(split))


def split_toml(split: Split) -> str:
    """The file's text: scalars, then [controls], then [conditions] with one key per line."""
    folds = split.controls
    lines = [
        "schema = 1",
        f"task = {_quote(split.task)}",
        f"kind = {_quote(split.kind.value)}",
        f"dataset = {_quote(split.dataset)}",
        f"modality = {_quote(split.modality)}",
        f"source = {_quote(split.source)}",
        f"seed = {split.seed}",
        f"hash = {_quote(split.hash)}",
        "",
        "[controls]",
        f"train = {folds.train!r}",
        f"scoring = {folds.scoring!r}",
        f"de = {folds.de!r}",
        "",
        "[conditions]",
    ]
    for part in ("train", "validation", "test"):
        keys = getattr(split.conditions, part)
        lines += [f"{part} = [", *(f"  {_quote(key)}," for key in keys), "]"] if keys else [f"{part} = []"]
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    # JSON's escapes are TOML's, but TOML wants DEL escaped too
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _first_problem(error: ValidationError) -> str:
    # a misspelt key is unknown and leaves another missing: the first says more
    problem = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown key; remove it"
    elif problem["type"] == "missing":
        message = "missing; add it"
    elif not where:
        return message
    return f"{where}: {message}" + ("" if problem["type"] == "missing" else f" (found {problem['input']!r})"[:200])
