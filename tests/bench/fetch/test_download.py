"""Downloads from a server that truncates, corrupts, redirects and stalls."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from file_server import IMPATIENT, Behaviour, Notes, Site

from bench.errors import FetchError
from bench.fetch.download import Downloaded, download
from bench.fetch.http import Patience
from bench.fetch.metadata import Expected

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
KNOWN = Expected(len(CONTENT), MD5, "the repository")
UNKNOWN = Expected()

Get = Callable[..., Downloaded]


@pytest.fixture
def get(tmp_path: Path, notes: Notes) -> Get:
    def call(*urls: str, expected: Expected = KNOWN, patience: Patience = IMPATIENT) -> Downloaded:
        return download(urls, tmp_path / "screen.h5ad", expected, notes, patience)

    return call


def part(folder: Path) -> Path:
    return folder / "screen.h5ad.part"


def test_a_file_arrives_whole_with_its_checksum_and_progress(
    site: Site, get: Get, notes: Notes, tmp_path: Path
) -> None:
    got = get(site.serve("/f", site.whole(CONTENT)))
    assert got.path.read_bytes() == CONTENT
    assert got.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert notes.places[0] == (0, len(CONTENT))
    assert notes.places[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in notes.places] == sorted(done for done, _ in notes.places)
    assert not part(tmp_path).exists()


def test_a_truncated_download_is_resumed_where_it_stopped(site: Site, get: Get) -> None:
    got = get(site.serve("/f", site.until(CONTENT, 100_000), site.whole(CONTENT)))
    assert got.path.read_bytes() == CONTENT
    assert site.ranges() == ["", "bytes=100000-"]


def test_a_download_that_goes_on_being_truncated_is_resumed_as_long_as_it_moves(site: Site, get: Get) -> None:
    stops = [50_000, 100_000, 150_000, 200_000, 250_000]
    assert get(site.serve("/f", *(site.until(CONTENT, stop) for stop in stops), site.whole(CONTENT))).size == 300_000
    assert len(site.requests) == 6


def test_a_download_that_stops_for_good_is_an_error_and_the_next_call_goes_on(
    site: Site, get: Get, tmp_path: Path
) -> None:
    url = site.serve("/f", site.until(CONTENT, 100_000))
    with pytest.raises(FetchError, match=r"truncated: 100,000 of 300,000 bytes.* 0\.1 MB are kept, the same command"):
        get(url)
    assert not (tmp_path / "screen.h5ad").exists()
    assert part(tmp_path).stat().st_size == 100_000
    site.requests.clear()
    site.serve("/f", site.whole(CONTENT))
    assert get(url).path.read_bytes() == CONTENT
    assert site.ranges() == ["bytes=100000-"]


def test_a_server_without_ranges_sends_it_all_again(site: Site, get: Get) -> None:
    got = get(site.serve("/f", site.until(CONTENT, 100_000), site.without_ranges(CONTENT)))
    assert got.path.read_bytes() == CONTENT


@pytest.mark.parametrize("expected", [KNOWN, UNKNOWN], ids=["checksum known", "checksum unknown"])
def test_a_file_that_changed_in_between_is_not_patched_together(site: Site, get: Get, expected: Expected) -> None:
    first = site.until(OTHER, 100_000, etag='"old"')
    got = get(site.serve("/f", first, site.whole(CONTENT, etag='"new"')), expected=expected)
    assert got.path.read_bytes() == CONTENT


def test_kept_bytes_of_nobody_knows_which_file_are_not_used(site: Site, get: Get, tmp_path: Path) -> None:
    part(tmp_path).write_bytes(OTHER[:1000])
    assert get(site.serve("/f", site.whole(CONTENT)), expected=UNKNOWN).path.read_bytes() == CONTENT
    assert site.ranges() == [""]


def test_kept_bytes_that_turn_out_to_be_of_another_file_are_fetched_again(
    site: Site, get: Get, notes: Notes, tmp_path: Path
) -> None:
    part(tmp_path).write_bytes(OTHER[:1000])
    assert get(site.serve("/f", site.whole(CONTENT))).path.read_bytes() == CONTENT
    assert site.ranges() == ["bytes=1000-", ""]
    assert "fetching all of it again" in notes.said[0]


def test_a_part_longer_than_the_file_is_fetched_again(site: Site, get: Get, tmp_path: Path) -> None:
    for expected in (KNOWN, Expected(None, MD5, "the repository")):
        part(tmp_path).write_bytes(CONTENT + b"more")
        assert get(site.serve("/f", site.whole(CONTENT)), expected=expected).path.read_bytes() == CONTENT


def test_a_part_that_was_whole_needs_no_network(get: Get, tmp_path: Path) -> None:
    part(tmp_path).write_bytes(CONTENT)
    assert get("http://127.0.0.1:9/nobody").path.read_bytes() == CONTENT


def test_an_altered_file_is_removed_and_said_so(site: Site, get: Get, tmp_path: Path) -> None:
    altered = CONTENT[:1234] + b"!" + CONTENT[1235:]
    with pytest.raises(FetchError, match=rf"arrived altered: md5:[0-9a-f]+, but {MD5} according to the repository"):
        get(site.serve("/f", site.whole(altered)))
    assert not list(tmp_path.glob("screen.h5ad*[!k]"))  # nothing but the lock file is left


@pytest.mark.parametrize("length", [299_999, 300_001])
def test_a_file_of_another_length_is_refused_before_it_is_fetched(
    site: Site, get: Get, notes: Notes, length: int
) -> None:
    with pytest.raises(FetchError, match=f"offers {length:,} bytes, but the file has 300,000"):
        get(site.serve("/f", site.whole((CONTENT + b"x")[:length])))
    assert not notes.places


def test_a_server_that_sends_more_than_it_said_is_cut_off(site: Site, get: Get) -> None:
    def more(request):
        request.reply(200, CONTENT, {"Connection": "close"}, length=300_000)
        request.wfile.write(b"more")
        request.close_connection = True

    assert get(site.serve("/f", more)).path.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_the_range(site: Site, get: Get, status: int) -> None:
    site.serve("/real", site.until(CONTENT, 100_000), site.whole(CONTENT))
    got = get(site.serve("/f", site.moved("/real?signature=1", status)))
    assert got.path.read_bytes() == CONTENT
    assert got.url == f"{site.url}/real?signature=1"
    assert site.ranges() == ["", "", "bytes=100000-", "bytes=100000-"]


def test_a_redirect_to_a_web_page_is_not_the_file(site: Site, get: Get) -> None:
    site.serve("/login", site.page())
    url = site.serve("/f", site.moved("/login"))
    for expected in (KNOWN, UNKNOWN):
        with pytest.raises(FetchError, match=r"a web page instead of the file, at .*/login"):
            get(url, expected=expected)


def test_a_redirect_loop_ends(site: Site, get: Get) -> None:
    with pytest.raises(FetchError, match="HTTP 302"):
        get(site.serve("/f", site.moved("/f")))
    assert len(site.requests) < 20


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/f", "file:///etc/hostname"])
def test_a_redirect_to_elsewhere_than_the_web_is_not_followed(site: Site, get: Get, target: str) -> None:
    with pytest.raises(FetchError, match=r"redirected to|HTTP 302"):
        get(site.serve("/f", site.moved(target)))


def test_a_redirect_away_from_encryption_is_not_followed() -> None:
    import urllib.request

    from bench.fetch.http import RefusedError, _Redirects

    asked = urllib.request.Request("https://repository.org/file")
    with pytest.raises(
        RefusedError, match=r"redirected to http://elsewhere.org/file, which is not followed from https"
    ):
        _Redirects().redirect_request(asked, None, 302, "", None, "http://elsewhere.org/file")


def test_an_address_that_is_no_web_address_is_not_opened(get: Get, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(CONTENT)
    with pytest.raises(FetchError, match="not an http or https address"):
        get((tmp_path / "other").as_uri())


def test_a_stalled_download_is_given_up_and_resumed(site: Site, get: Get) -> None:
    got = get(site.serve("/f", site.until(CONTENT, 100_000, stall=True), site.whole(CONTENT)))
    assert got.path.read_bytes() == CONTENT
    assert site.ranges() == ["", "bytes=100000-"]


def test_a_server_that_says_nothing_is_given_up(site: Site, get: Get) -> None:
    def silent(_):
        site.released.wait(10)

    with pytest.raises(FetchError, match=r"no answer in time|nothing came in time"):
        get(site.serve("/f", silent))


def test_a_download_at_a_crawl_is_given_up(site: Site, get: Get) -> None:
    patience = Patience(stall_seconds=0.2, least_bytes=1000, attempts=1)
    with pytest.raises(FetchError, match=r"stalled: \d+ bytes in"):
        get(site.serve("/f", site.drip(CONTENT, 0.05)), patience=patience)


def test_a_busy_server_is_asked_again(site: Site, get: Get) -> None:
    assert get(site.serve("/f", site.failing(503), site.whole(CONTENT))).size == len(CONTENT)


def test_a_file_that_is_not_there_is_not_asked_for_again(site: Site, get: Get) -> None:
    with pytest.raises(FetchError, match="HTTP 404"):
        get(f"{site.url}/nothing")
    assert len(site.requests) == 1


@pytest.mark.parametrize("bad", ["missing", "altered", "page", "truncated", "nobody"])
def test_the_next_mirror_is_tried(site: Site, get: Get, bad: str) -> None:
    behaviours: dict[str, Behaviour] = {
        "missing": site.failing(404),
        "altered": site.whole(OTHER),
        "page": site.page(),
        "truncated": site.until(CONTENT, 100_000),
        "nobody": site.failing(410),
    }
    first = "http://127.0.0.1:9/f" if bad == "nobody" else site.serve("/first", behaviours[bad])
    got = get(first, site.serve("/second", site.whole(CONTENT)))
    assert got.path.read_bytes() == CONTENT
    assert got.url.endswith("/second")
    if bad == "truncated":
        assert site.ranges()[-1] == "bytes=100000-"  # a known checksum lets one mirror go on where another stopped


def test_without_a_checksum_a_mirror_does_not_go_on_with_bytes_of_another(site: Site, get: Get) -> None:
    urls = site.serve("/first", site.until(OTHER, 100_000)), site.serve("/second", site.whole(CONTENT))
    assert get(*urls, expected=UNKNOWN).path.read_bytes() == CONTENT
    assert site.ranges()[-1] == ""


def test_a_file_of_unknown_length_and_checksum_is_refused(site: Site, get: Get) -> None:
    url = site.serve("/f", site.without_length(CONTENT))
    with pytest.raises(FetchError, match="does not say how long the file is"):
        get(url, expected=UNKNOWN)
    assert get(url, expected=KNOWN).path.read_bytes() == CONTENT


def test_a_full_disk_is_told_before_a_byte_is_fetched(
    site: Site, get: Get, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100_000_000))
    with pytest.raises(FetchError, match=r"downloading screen.h5ad needs 100\.3 MB, 100\.0 MB are free"):
        get(site.serve("/f", site.whole(CONTENT)))
    assert not notes.places


def test_two_processes_do_not_fetch_one_file_at_once(site: Site, get: Get, tmp_path: Path) -> None:
    import fcntl

    url = site.serve("/f", site.whole(CONTENT))
    with (tmp_path / "screen.h5ad.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(FetchError, match="another process is fetching it"):
            get(url)
    assert not site.requests
    assert get(url).size == len(CONTENT)
