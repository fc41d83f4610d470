"""Where public data sets can be had: ``splits/facts/sources.toml``, checked."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.data.panel import PanelRule
from bench.errors import DataError
from bench.paths import cache_dir, splits_dir

SOURCES_FILE = "sources.toml"
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Metadata(_Strict):
    """Where a repository says how long a file is and what its checksum is."""

    kind: Literal["dataverse", "zenodo"]
    url: str


class Panel(_Strict):
    """Genes that are kept: the perturbed ones, then the highest-scoring ones among the training cells."""

    genes: int = Field(gt=0)
    score: Literal["variance", "dispersion"]

    @property
    def rule(self) -> PanelRule:
        """The same as the importer takes it."""
        return PanelRule(self.genes, self.score)


class Source(_Strict):
    """One file that holds a data set.

    ``member`` is the path of the h5ad file inside a zip archive; the rest are options of ``bench data import``.
    """

    layout: Literal["gears", "scperturb", "pertpy", "chemcpa", "generic"]
    file: FileName
    member: str = ""
    url: str = ""
    mirrors: tuple[str, ...] = ()
    metadata: Metadata | None = None
    keep: Mapping[str, str] = Field(default_factory=dict)
    drop_unlabelled: bool = False

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        for url in (self.url, *self.mirrors, *([self.metadata.url] if self.metadata else [])):
            if url and urlsplit(url).scheme != "https":
                raise ValueError(f"{url!r} is not an https address")
        return self

    @property
    def h5ad(self) -> str:
        """Name of the h5ad file, packed or not."""
        return PurePosixPath(self.member).name if self.member else self.file


class PublicDataset(_Strict):
    """A public data set and the files that hold it, the default one first."""

    title: str = Field(min_length=1)
    panel: Panel
    sources: Mapping[str, Source] = Field(min_length=1)

    def source(self, dataset: str, name: str | None) -> tuple[str, Source]:
        """A source by name, or the default one.

        Raises
        ------
        DataError
            If there is no such source.
        """
        if name is None:
            return next(iter(self.sources.items()))
        if name not in self.sources:
            raise DataError(
                f"--source {name}: data set {dataset!r} has no such source; there are {', '.join(self.sources)}"
            )
        return name, self.sources[name]

    def instructions(self, dataset: str) -> str:
        """What to type to have it, as the end of a sentence."""
        name, default = next(iter(self.sources.items()))
        others = [other for other, source in self.sources.items() if source.url and other != name]
        also = f" (also `--source {'|'.join(others)}`)" if others else ""
        held = f", in it {default.member}" if default.member else ""
        return (
            f"run `python -m bench data fetch {dataset}`{also}; without a network, get {default.file} from "
            f"{default.url}{held}, and run `python -m bench data fetch {dataset} --from FOLDER`"
        )


@cache
def public_datasets() -> Mapping[str, PublicDataset]:
    """Every public data set, by name.

    Raises
    ------
    DataError
        If ``sources.toml`` is not what it should be.
    """
    return read_sources(splits_dir() / "facts" / SOURCES_FILE)


def read_sources(path: Path) -> Mapping[str, PublicDataset]:
    """Read and check a file of sources.

    Raises
    ------
    DataError
        If it is missing, not TOML, or says something unknown.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: PublicDataset.model_validate(entry) for name, entry in content.items()}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: cannot be read as TOML ({error})") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise DataError(f"{path}: {where}: {problem['msg']}") from error


def public_dataset(name: str) -> PublicDataset:
    """One public data set.

    Raises
    ------
    DataError
        If nothing is known under that name.
    """
    known = public_datasets()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" (closest: {close[0]})" if close else ""
        raise DataError(
            f"data set {name!r} cannot be fetched{hint}; there are {', '.join(known)}. Your own file is read with "
            "`python -m bench data import`"
        )
    return known[name]


def download_path(dataset: str, source: str, file: str) -> Path:
    """Where a fetched file is kept, whether or not it is there."""
    return cache_dir() / "downloads" / dataset / source / file
