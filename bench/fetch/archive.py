"""Taking one file out of a zip archive."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from bench.atomic import atomic_file
from bench.errors import FetchError
from bench.fetch.disk import require_space
from bench.fetch.http import CHUNK


def unpack(archive: Path, member: str, target: Path) -> None:
    """Write one member of an archive to ``target``, atomically and in pieces.

    The member's length and checksum in the archive are checked; nothing else of the archive is read.

    Raises
    ------
    FetchError
        If the archive is damaged, lacks the member, or the disk has no room for it.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(member)
            require_space(target.parent, info.file_size, f"unpacking {member}")
            with opened.open(info) as packed, atomic_file(target) as partial, partial.open("wb") as stream:
                written = 0
                while block := packed.read(CHUNK):
                    written += len(block)
                    if written > info.file_size:
                        raise FetchError(f"{archive}, {member}: holds more than the archive says; fetch it again")
                    stream.write(block)
    except KeyError as error:
        raise FetchError(f"{archive}: holds no file {member}; choose another source with `--source`") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchError(f"{archive}: a damaged zip archive ({error}); delete it and fetch it again") from error
