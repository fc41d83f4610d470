"""One public data set, from its source into the cache: fetch, check, pin, import, compare with the published facts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.data.importer import Imported, Request, import_file
from bench.errors import FetchError
from bench.fetch.archive import unpack
from bench.fetch.checksums import checksums
from bench.fetch.download import Downloaded, Watcher, download
from bench.fetch.http import Patience
from bench.fetch.lock import Pin, add_pin, find_pin
from bench.fetch.metadata import Expected, published
from bench.fetch.sources import PublicDataset, Source, download_path, public_dataset
from bench.hashing import hash_file


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Parameters
    ----------
    dataset
        Name of a public data set.
    source
        Name of one of its sources; ``None`` for the default one.
    mirrors
        Further addresses of the source's file, tried first; one that ends in ``/`` is a folder that holds it.
    folder
        Take the file from this folder; the network is then not touched.
    force
        Replace another data set of that name.
    """

    dataset: str
    source: str | None = None
    mirrors: tuple[str, ...] = ()
    folder: Path | None = None
    force: bool = False


@dataclass(frozen=True)
class Fetched:
    """What came of it.

    Parameters
    ----------
    imported
        The data set, with everything the import says about it.
    source
        Name of the source.
    file
        The file that was read.
    checked
        What its bytes were compared with, in words.
    """

    imported: Imported
    source: str
    file: Path
    checked: str


def fetch(wanted: Wanted, watcher: Watcher, patience: Patience | None = None) -> Fetched:
    """Fetch a public data set, or read it from a folder, and import it.

    The first time, length and checksum come from the repository's metadata and what arrives is pinned; from then on the
    pin decides.

    Parameters
    ----------
    wanted
        What is asked for.
    watcher
        Told how far it is.
    patience
        How long to wait for servers.

    Raises
    ------
    FetchError
        If the file cannot be had, or is not what it should be.
    DataError
        If it cannot be imported.
    """
    known = public_dataset(wanted.dataset)
    if wanted.folder is not None:
        return _from_folder(wanted, known, wanted.folder)
    name, source = known.source(wanted.dataset, wanted.source)
    downloaded, checked = _download(wanted, name, source, watcher, patience or Patience())
    with _h5ad(downloaded.path, wanted.dataset, source) as file:
        watcher.say(f"reading {file.name}")
        imported = import_file(_request(wanted, known, name, source, file, downloaded.url))
        if source.member and find_pin(wanted.dataset, name, source.h5ad) is None:
            member = Pin(size=file.stat().st_size, sha256=_source_sha256(imported))
            add_pin(wanted.dataset, name, source.h5ad, member)
    return Fetched(imported, name, downloaded.path, checked)


def verify_downloads() -> Iterator[tuple[Path, str]]:
    """Compare every kept download with its pin: (file, what is wrong), ``""`` where nothing is."""
    from bench.fetch.sources import public_datasets

    for dataset, known in public_datasets().items():
        for name, source in known.sources.items():
            path = download_path(dataset, name, source.file)
            if not path.exists():
                continue
            pin = find_pin(dataset, name, source.file)
            if pin is None:
                yield path, "nothing is pinned to compare it with; fetch the data set again"
            elif (path.stat().st_size, hash_file(path)) != (pin.size, pin.sha256):
                yield path, "not the file that was pinned: changed or damaged since; delete it and fetch it again"
            else:
                yield path, ""


def _download(
    wanted: Wanted, name: str, source: Source, watcher: Watcher, patience: Patience
) -> tuple[Downloaded, str]:
    """The source's file, from the cache if it is there as pinned, and what it was compared with."""
    dataset = wanted.dataset
    target = download_path(dataset, name, source.file)
    pin = find_pin(dataset, name, source.file)
    if pin is not None and target.exists():
        if (target.stat().st_size, hash_file(target)) == (pin.size, pin.sha256):
            return Downloaded(target, pin.size, pin.sha256, pin.url), "the pinned checksum; it was here already"
        watcher.say(f"{target}: not as pinned any more; fetching it again")
        target.unlink()
    mirrors = [f"{url}{source.file}" if url.endswith("/") else url for url in wanted.mirrors]
    urls = [*mirrors, *(url for url in (source.url, *source.mirrors) if url)]
    if not urls:
        raise FetchError(
            f"{source.file} of source {name!r} has no address; get it, and run `python -m bench data fetch {dataset} "
            f"--source {name} --from FOLDER`, or name an address with `--mirror`"
        )
    if pin is not None:
        expected = Expected(pin.size, f"sha256:{pin.sha256}", "the pinned checksum")
    elif source.metadata is not None:
        expected = published(source.metadata, source.file, patience)
    else:
        expected = Expected()
    for url in mirrors:
        if not expected.checksum and urlsplit(url).scheme != "https":
            raise FetchError(
                f"--mirror {url}: not encrypted, and no checksum of {source.file} is known, so anybody on the way "
                "could alter it; name an https address"
            )
    downloaded = download(urls, target, expected, watcher, patience)
    if pin is not None:
        return downloaded, expected.said_by
    repository = expected.checksum
    lock = add_pin(
        dataset,
        name,
        source.file,
        Pin(
            size=downloaded.size, sha256=downloaded.sha256, repository=repository, url=downloaded.url.partition("?")[0]
        ),
    )
    first = (
        expected.said_by or "nothing: its repository publishes no checksum, so later fetches are compared with this one"
    )
    return downloaded, f"{first}; pinned in {lock}"


def _from_folder(wanted: Wanted, known: PublicDataset, folder: Path) -> Fetched:
    """The first source whose file, packed or not, lies in the folder."""
    names = [known.source(wanted.dataset, wanted.source)[0]] if wanted.source else list(known.sources)
    looked = []
    for name in names:
        source = known.sources[name]
        for relative in dict.fromkeys([source.file, source.member or source.file, source.h5ad]):
            path = folder / relative
            looked.append(relative)
            if path.is_file():
                checked = _compare(wanted.dataset, name, path)
                with _h5ad(path, wanted.dataset, source) as file:
                    imported = import_file(_request(wanted, known, name, source, file, ""))
                return Fetched(imported, name, path, checked)
    raise FetchError(f"--from {folder}: holds none of {', '.join(dict.fromkeys(looked))}; put one of them there")


def _compare(dataset: str, name: str, path: Path) -> str:
    pin = find_pin(dataset, name, path.name)
    if pin is None:
        return "nothing: no checksum of it is pinned yet"
    found = checksums(path, ["sha256"])["sha256"].removeprefix("sha256:")
    if (path.stat().st_size, found) != (pin.size, pin.sha256):
        raise FetchError(
            f"{path}: {path.stat().st_size:,} bytes, sha256 {found[:12]}; pinned are {pin.size:,} bytes, "
            f"{pin.sha256[:12]}. It is another version or damaged; fetch it again, or import it under another name "
            "with `python -m bench data import`"
        )
    return "the pinned checksum"


@contextmanager
def _h5ad(path: Path, dataset: str, source: Source) -> Iterator[Path]:
    """The h5ad file of a source: the file itself, or its member, unpacked for the time of the import."""
    if not source.member or path.name == source.h5ad:
        yield path
        return
    # The archive stays, it is a tenth of this; and beside it one may have no right to write.
    target = download_path(dataset, "unpacked", source.h5ad)
    unpack(path, source.member, target)
    try:
        yield target
    finally:
        target.unlink(missing_ok=True)


def _request(wanted: Wanted, known: PublicDataset, name: str, source: Source, file: Path, url: str) -> Request:
    from bench.data.reading import Hints

    origin = {"fetched_from": name}
    if url:
        origin["fetched_url"] = url.partition("?")[0]  # what stands behind it is signed and short-lived
    return Request(
        file=file,
        name=wanted.dataset,
        hints=Hints(layout=source.layout),
        keep=tuple(source.keep.items()),
        drop_unlabelled=source.drop_unlabelled,
        force=wanted.force,
        panel=known.panel.rule,
        origin=origin,
    )


def _source_sha256(imported: Imported) -> str:
    return str(imported.dataset.provenance["source_sha256"])
