"""A public data set from a server of this machine into the cache: checksum, pin, archive, import, facts."""

from __future__ import annotations

import argparse
import hashlib
import io
import socket
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_server import IMPATIENT, Notes, Site

from bench.commands import data as command
from bench.data.dataset import read_dataset
from bench.errors import DataError, FetchError
from bench.fetch import fetch as module
from bench.fetch import lock, sources
from bench.fetch.fetch import Fetched, Wanted, fetch
from bench.fetch.metadata import published
from bench.fetch.sources import Metadata, Panel, PublicDataset, Source, public_datasets
from bench.paths import dataset_path
from bench.splitting.facts import published_table

GENES = [f"GENE{i}" for i in range(30)]


def norman_file(folder: Path, *, without: str = "") -> bytes:
    """A small file with every condition of Norman 2019 but one, laid out as GEARS does."""
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    keys = [key for key in published_table("norman").conditions if key != without]
    labels = ["ctrl"] * 40 + [key if "+" in key else f"{key}+ctrl" for key in keys for _ in range(2)]
    measured = sorted({gene for key in keys for gene in key.split("+")})[:20]
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(1.0, 2.0, 50), (len(labels), 50)).astype(np.float32)
    counts[:, 0] += 1
    values = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4).astype(np.float32)
    obs = pd.DataFrame({"condition": labels, "cell_type": "K562"}, index=[f"cell{i}" for i in range(len(labels))])
    var = pd.DataFrame({"gene_name": [*GENES, *measured]}, index=[f"ENSG{i:011d}" for i in range(50)])
    adata = AnnData(csr_matrix(values), obs=obs, var=var)
    adata.write_h5ad(folder / "norman.h5ad")
    return (folder / "norman.h5ad").read_bytes()


@pytest.fixture(scope="module")
def h5ad(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return norman_file(tmp_path_factory.mktemp("norman"))


@pytest.fixture(scope="module")
def archive(h5ad: bytes) -> bytes:
    with io.BytesIO() as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("norman/perturb_processed.h5ad", h5ad)
            packed.writestr("norman/readme.txt", "beside it")
        return stream.getvalue()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def dataverse(content: bytes, **changed: Any) -> dict[str, Any]:
    stored = {
        "filename": "norman.zip",
        "filesize": len(content),
        "checksum": {"type": "MD5", "value": md5(content)},
        **changed,
    }
    return {"status": "OK", "data": {"label": "norman.zip", "dataFile": stored}}


@pytest.fixture
def served(
    site: Site, cache: Path, archive: bytes, h5ad: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Site:
    """Norman's sources, but on this machine; and a lock beside the split files that is empty."""
    metadata = Metadata.model_construct(kind="dataverse", url=site.serve("/api/files/1", site.said(dataverse(archive))))
    gears = Source.model_construct(
        layout="gears",
        file="norman.zip",
        member="norman/perturb_processed.h5ad",
        url=site.serve("/access/1", site.moved("/storage?signature=x")),
        mirrors=(),
        metadata=metadata,
    )
    site.serve("/storage", site.whole(archive))
    site.serve("/plain", site.whole(h5ad))
    pertpy = gears.model_copy(
        update={"file": "norman_2019.h5ad", "member": "", "url": f"{site.url}/plain", "metadata": None}
    )
    local = pertpy.model_copy(update={"file": "local.h5ad", "url": ""})
    panel = Panel(genes=30, score="variance")
    known = PublicDataset.model_construct(
        title="Norman", panel=panel, sources={"gears": gears, "pertpy": pertpy, "local": local}
    )
    catalogue = lambda: {"norman": known}  # noqa: E731
    monkeypatch.setattr(sources, "public_datasets", catalogue)
    monkeypatch.setattr(lock, "lock_files", lambda: (tmp_path / "checked-in.lock", cache / "sources.lock"))
    return site


Fetch = Callable[..., Fetched]


@pytest.fixture
def run(served: Site, notes: Notes) -> Fetch:
    assert not served.requests
    return lambda **wanted: fetch(Wanted("norman", **wanted), notes, IMPATIENT)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)


class TestTheFirstFetch:
    def test_it_takes_the_checksum_from_the_repository_and_pins_it(
        self, run: Fetch, archive: bytes, h5ad: bytes, cache: Path
    ) -> None:
        fetched = run()
        assert fetched.source == "gears"
        assert fetched.checked.startswith("the metadata of its repository")
        pin = lock.find_pin("norman", "gears", "norman.zip")
        assert pin is not None
        assert (pin.size, pin.sha256) == (len(archive), hashlib.sha256(archive).hexdigest())
        assert pin.repository == f"md5:{md5(archive)}"
        assert pin.url.endswith("/storage")  # without the signature behind it
        member = lock.find_pin("norman", "gears", "perturb_processed.h5ad")
        assert member is not None
        assert member.sha256 == hashlib.sha256(h5ad).hexdigest()
        assert not list(cache.rglob("perturb_processed.h5ad"))

    def test_its_provenance_says_where_it_came_from(self, run: Fetch, h5ad: bytes) -> None:
        dataset = run().imported.dataset
        assert dataset.provenance["fetched_from"] == "gears"
        assert str(dataset.provenance["fetched_url"]).endswith("/storage")
        assert dataset.provenance["source_sha256"] == hashlib.sha256(h5ad).hexdigest()
        assert dataset.provenance["gene_panel"] == (
            "30 of 50 genes: 20 perturbed ones, then by variance over "
            f"{_trained(dataset)} cells that every checked-in task trains on"
        )
        assert len(dataset.genes) == 30

    def test_an_altered_file_is_not_pinned_nor_imported(self, run: Fetch, served: Site, archive: bytes) -> None:
        served.serve("/storage", served.whole(archive[:-1] + b"!"))
        with pytest.raises(FetchError, match="arrived altered: md5:"):
            run()
        assert lock.find_pin("norman", "gears", "norman.zip") is None
        assert not dataset_path("norman").exists()

    def test_without_the_repositorys_word_nothing_is_fetched(self, run: Fetch, served: Site) -> None:
        served.serve("/api/files/1", served.failing(404))
        with pytest.raises(FetchError, match=r"metadata cannot be read \(HTTP 404.*nothing would tell"):
            run()
        assert [path for path, _ in served.requests] == ["/api/files/1"]

    def test_a_source_without_metadata_is_pinned_by_what_arrives_and_says_so(self, run: Fetch, h5ad: bytes) -> None:
        fetched = run(source="pertpy")
        assert "its repository publishes no checksum" in fetched.checked
        pin = lock.find_pin("norman", "pertpy", "norman_2019.h5ad")
        assert pin is not None
        assert (pin.sha256, pin.repository) == (hashlib.sha256(h5ad).hexdigest(), "")

    def test_what_arrives_is_compared_with_the_published_conditions(
        self, run: Fetch, served: Site, tmp_path: Path
    ) -> None:
        assert not [note for note in run().imported.notes if "not as published" in note]
        served.serve("/plain", served.whole(norman_file(tmp_path, without="AHR+FEV")))
        differences = [note for note in run(source="pertpy", force=True).imported.notes if "not as published" in note]
        assert differences == ["not as published: 1 of 236 published conditions are missing: AHR+FEV"]


class TestLaterFetches:
    def test_the_pin_decides_and_the_repository_is_not_asked(self, run: Fetch, served: Site, cache: Path) -> None:
        run()
        (cache / "downloads/norman/gears/norman.zip").unlink()
        served.requests.clear()
        assert run(force=True).checked == "the pinned checksum"
        assert [path for path, _ in served.requests] == ["/access/1", "/storage?signature=x"]

    def test_a_file_that_changed_at_its_repository_is_refused(
        self, run: Fetch, served: Site, archive: bytes, cache: Path
    ) -> None:
        run()
        (cache / "downloads/norman/gears/norman.zip").unlink()
        changed = archive[:-1] + b"!"
        served.serve("/storage", served.whole(changed))
        served.serve("/api/files/1", served.said(dataverse(changed)))
        with pytest.raises(FetchError, match="according to the pinned checksum"):
            run(force=True)

    def test_a_kept_download_is_not_fetched_again(self, run: Fetch, served: Site) -> None:
        run()
        served.requests.clear()
        assert "it was here already" in run(force=True).checked
        assert not served.requests

    def test_a_kept_download_that_was_changed_is_fetched_again(
        self, run: Fetch, served: Site, cache: Path, archive: bytes
    ) -> None:
        run()
        kept = cache / "downloads/norman/gears/norman.zip"
        kept.write_bytes(archive[:-1] + b"!")
        run(force=True)
        assert kept.read_bytes() == archive

    def test_the_lock_beside_the_split_files_counts_too(
        self, run: Fetch, served: Site, cache: Path, tmp_path: Path, archive: bytes
    ) -> None:
        run()
        (cache / "sources.lock").rename(tmp_path / "checked-in.lock")
        (cache / "downloads/norman/gears/norman.zip").unlink()
        served.requests.clear()
        assert run(force=True).checked == "the pinned checksum"
        assert "/api/files/1" not in [path for path, _ in served.requests]

    def test_two_locks_that_disagree_are_an_error(self, run: Fetch, cache: Path, tmp_path: Path) -> None:
        run()
        text = (cache / "sources.lock").read_text()
        (tmp_path / "checked-in.lock").write_text(_other_digest(text))
        with pytest.raises(DataError, match="one of the two was fetched altered"):
            run(force=True)

    def test_a_damaged_lock_is_an_error(self, run: Fetch, cache: Path) -> None:
        cache.mkdir()
        (cache / "sources.lock").write_text("[norman.gears\n")
        with pytest.raises(DataError, match=r"sources\.lock: not a lock file"):
            run()


class TestOtherWays:
    def test_a_mirror_is_tried_first_and_checked_the_same(self, run: Fetch, served: Site, archive: bytes) -> None:
        served.serve("/mirror/norman.zip", served.whole(archive))
        run(mirrors=(f"{served.url}/mirror/",))
        assert [path for path, _ in served.requests] == ["/api/files/1", "/mirror/norman.zip"]

    def test_a_mirror_that_lies_is_passed_over(self, run: Fetch, served: Site, archive: bytes, notes: Notes) -> None:
        served.serve("/mirror.zip", served.whole(archive[:-1] + b"!"))
        run(mirrors=(f"{served.url}/mirror.zip",))
        assert "arrived altered" in notes.said[0]

    def test_an_unencrypted_mirror_needs_a_known_checksum(self, run: Fetch, served: Site) -> None:
        with pytest.raises(FetchError, match=r"--mirror http://.*: not encrypted"):
            run(source="pertpy", mirrors=(f"{served.url}/plain",))
        assert not served.requests

    @pytest.mark.usefixtures("no_network")
    @pytest.mark.parametrize("place", ["norman.zip", "perturb_processed.h5ad", "norman/perturb_processed.h5ad"])
    def test_a_local_file_is_read_without_the_network(
        self, run: Fetch, tmp_path: Path, archive: bytes, h5ad: bytes, place: str
    ) -> None:
        path = tmp_path / "mine" / place
        path.parent.mkdir(parents=True)
        path.write_bytes(archive if place.endswith("zip") else h5ad)
        fetched = run(folder=tmp_path / "mine")
        assert fetched.checked.startswith("nothing: no checksum")
        assert len(fetched.imported.dataset.genes) == 30
        assert lock.find_pin("norman", "gears", path.name) is None  # not the repository's own word

    def test_a_local_file_and_a_fetched_one_make_the_same_data_set(
        self, run: Fetch, tmp_path: Path, h5ad: bytes
    ) -> None:
        fetched = run()
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/perturb_processed.h5ad").write_bytes(h5ad)
        again = run(folder=tmp_path / "mine")
        assert again.checked == "the pinned checksum"
        assert not again.imported.written
        assert again.imported.dataset.hash == fetched.imported.dataset.hash

    def test_a_local_file_other_than_pinned_is_refused(self, run: Fetch, tmp_path: Path, archive: bytes) -> None:
        run()
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine/norman.zip").write_bytes(archive + b"!")
        with pytest.raises(FetchError, match="another version or damaged"):
            run(folder=tmp_path / "mine")

    def test_a_folder_without_the_file_says_what_was_looked_for(self, run: Fetch, tmp_path: Path) -> None:
        with pytest.raises(FetchError, match=r"holds none of norman\.zip, norman/perturb_processed\.h5ad"):
            run(folder=tmp_path)

    def test_a_source_without_address_says_how_to_give_the_file(self, run: Fetch) -> None:
        with pytest.raises(FetchError, match="--source local --from FOLDER"):
            run(source="local")

    def test_an_archive_without_the_file_is_an_error(self, run: Fetch, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "norman.zip", "w") as packed:
            packed.writestr("else.txt", "x")
        with pytest.raises(FetchError, match=r"holds no file norman/perturb_processed\.h5ad"):
            run(folder=tmp_path)

    @pytest.mark.parametrize("damage", ["not a zip", "flipped"])
    def test_a_damaged_archive_is_an_error(self, run: Fetch, tmp_path: Path, archive: bytes, damage: str) -> None:
        middle = len(archive) // 2
        broken = b"no" if damage == "not a zip" else archive[:middle] + b"\0" * 50 + archive[middle + 50 :]
        (tmp_path / "norman.zip").write_bytes(broken)
        with pytest.raises(FetchError, match="a damaged zip archive"):
            run(folder=tmp_path)
        assert not dataset_path("norman").exists()


ANSWERS: Mapping[str, Callable[[bytes], object]] = {
    "another file": lambda content: dataverse(content, filename="adamson.zip"),
    "no checksum": lambda content: dataverse(content, checksum={}),
    "no file": lambda _: {"status": "OK", "data": {}},
    "a list": lambda _: [],
    "an algorithm nobody knows": lambda content: dataverse(content, checksum={"type": "CRC", "value": "1"}),
    "a digest of the wrong length": lambda content: dataverse(content, checksum={"type": "MD5", "value": "ab"}),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_metadata_that_do_not_name_the_file_and_its_checksum_are_refused(
    run: Fetch, served: Site, archive: bytes, answer: str
) -> None:
    served.serve("/api/files/1", served.said(ANSWERS[answer](archive)))
    with pytest.raises(FetchError, match=r"api/files/1: (does not say|gives)"):
        run()


def test_zenodo_metadata_are_read_too(site: Site) -> None:
    entry = {"key": "a.h5ad", "size": 7, "checksum": f"md5:{md5(b'a')}", "links": {}}
    url = site.serve("/api/records/1", site.said({"files": [{**entry, "key": "b.h5ad"}, entry]}))
    expected = published(Metadata.model_construct(kind="zenodo", url=url), "a.h5ad", IMPATIENT)
    assert (expected.size, expected.checksum) == (7, f"md5:{md5(b'a')}")
    with pytest.raises(FetchError, match=r"does not say the length and checksum of c\.h5ad"):
        published(Metadata.model_construct(kind="zenodo", url=url), "c.h5ad", IMPATIENT)


def test_metadata_are_asked_for_again_where_the_server_is_busy(site: Site) -> None:
    url = site.serve("/api/files/1", site.failing(503), site.said(dataverse(b"norman")))
    assert published(Metadata.model_construct(kind="dataverse", url=url), "norman.zip", IMPATIENT).size == 6


class TestCommand:
    @pytest.fixture
    def bench(self, served: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
        plain = module.fetch
        monkeypatch.setattr(module, "fetch", lambda wanted, watcher: plain(wanted, watcher, IMPATIENT))

        def call(*arguments: str) -> int:
            parser = argparse.ArgumentParser(allow_abbrev=False)
            command.add_arguments(parser)
            return command.run(parser.parse_args(arguments))

        return call

    def test_it_says_what_it_did_and_does_nothing_the_second_time(
        self, bench: Callable[..., int], served: Site, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert bench("fetch", "norman") == 0
        said = capsys.readouterr()
        assert "source gears; compared with the metadata of its repository" in said.out
        assert "gene panel: 30 of 50 genes" in said.out
        assert "norman: 0.0 MB of" in said.err
        served.requests.clear()
        assert bench("fetch", "norman") == 0
        assert "from gears); `--force` fetches" in capsys.readouterr().out
        assert not served.requests

    @pytest.mark.usefixtures("no_network")
    def test_list_and_verify_never_touch_the_network(
        self, bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert bench("list") == 0
        assert "norman gears gears norman.zip by its repository" in " ".join(capsys.readouterr().out.split())
        assert bench("verify") == 0

    def test_verify_finds_a_download_that_was_changed(
        self, bench: Callable[..., int], cache: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bench("fetch", "norman")
        assert bench("verify") == 0
        assert "norman.zip: good, as pinned" in capsys.readouterr().out
        with (cache / "downloads/norman/gears/norman.zip").open("ab") as stream:
            stream.write(b"!")
        assert bench("verify") == 2
        assert "norman.zip: not the file that was pinned" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "message"), [(("normal",), "closest: norman"), (("norman", "--source", "geo"), "there are gears")]
    )
    def test_unknown_names_are_refused(
        self, bench: Callable[..., int], arguments: tuple[str, ...], message: str
    ) -> None:
        with pytest.raises(DataError, match=message):
            bench("fetch", *arguments)


def test_every_source_is_encrypted_and_reachable_in_some_way() -> None:
    assert set(public_datasets()) == {"adamson", "norman", "sciplex3"}
    for known in public_datasets().values():
        assert next(iter(known.sources.values())).metadata is not None  # the default comes with its repository's word
        for source in known.sources.values():
            assert source.h5ad.endswith(".h5ad")


def test_the_gears_files_are_the_published_ones() -> None:
    for name, number in (("adamson", 6154417), ("norman", 6154020)):
        source = public_datasets()[name].sources["gears"]
        assert source.url.endswith(f"/api/access/datafile/{number}")
        assert source.metadata is not None
        assert source.metadata.url.endswith(f"/api/files/{number}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[norman", "cannot be read as TOML"),
        ('[norman]\ntitle = "x"\n', "norman|panel"),
        ('[n]\ntitle="x"\npanel={genes=1,score="x"}\nsources={}', "score"),
        (
            '[n]\ntitle="x"\npanel={genes=1,score="variance"}\n'
            'sources={a={layout="gears",file="a.h5ad",url="http://a.org/a"}}',
            "not an https address",
        ),
    ],
)
def test_a_file_of_sources_that_is_wrong_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        sources.read_sources(path)


def _trained(dataset: Any) -> int:
    from bench.tasks import Task, load_split

    return Task(load_split("norman_double"), read_dataset(dataset.path)).training_rows.size


def _other_digest(text: str) -> str:
    head, mark, rest = text.partition('sha256 = "')
    return f"{head}{mark}{'0' * 64}{rest[64:]}"
