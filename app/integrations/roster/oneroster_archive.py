"""The archive of OneRoster 1.1: what it may hold, and what its manifest says. It comes from outside and may be hostile.

It imports nothing of the service but the reading of a roster, because it works in a bounded process.
"""

import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.integrations.roster.files import MOST_BYTES, UnreadableFile

MANIFEST: Final = "manifest.csv"
USERS: Final = "users.csv"
ORGS: Final = "orgs.csv"
#: The other files of the specification. None of them is read.
NOT_READ: Final = frozenset(
    f"{name}.csv"
    for name in (
        *("academicSessions", "categories", "classes", "classResources", "courses", "courseResources"),
        *("demographics", "enrollments", "lineItems", "resources", "results"),
    )
)
_VERSION: Final = "1.1"
_MOST_FILES: Final = 100
_MOST_MANIFEST: Final = 65_536
_MOST_UNPACKED: Final = 1024 * 1024 * 1024
_MOST_RATIO: Final = 250
#: The archive programs of macOS add a folder of their own.
_OF_MACOS: Final = "__MACOSX/"
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1
_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the manifest says.

    Attributes:
        is_delta: `users.csv` holds changes only.
        has_all_orgs: `orgs.csv` is there and holds every organization.
    """

    is_delta: bool
    has_all_orgs: bool


class OneRosterArchive:
    """An open archive whose list of files has been checked.

    Attributes:
        parts: its files by their names.

    Raises:
        UnreadableFile: the archive holds what it may not, or has no manifest.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        listed = [part for part in archive.infolist() if not part.filename.startswith(_OF_MACOS)]
        _check(listed)
        self.parts: Mapping[str, zipfile.ZipInfo] = {part.filename: part for part in listed}
        if MANIFEST not in self.parts:
            raise UnreadableFile(f"The archive has no {MANIFEST}.")

    def read_manifest(self) -> Manifest:
        """Return what the manifest says.

        Raises:
            UnreadableFile: it is not well-formed, names another version, or names no `users.csv` that is there.
        """
        if self.parts[MANIFEST].file_size > _MOST_MANIFEST:
            raise UnreadableFile(f"{MANIFEST} is too long.")
        said = _parse(self._archive.read(self.parts[MANIFEST]))
        if said.get("oneroster.version") != _VERSION:
            raise UnreadableFile(f"{MANIFEST} names no version of OneRoster, or another one than {_VERSION}.")
        users, orgs = said.get("file.users"), said.get("file.orgs")
        if users not in {"bulk", "delta"}:
            raise UnreadableFile(f"{MANIFEST} says of {USERS} neither bulk nor delta.")
        if USERS not in self.parts:
            raise UnreadableFile(f"The archive has no {USERS}, which {MANIFEST} names.")
        return Manifest(is_delta=users == "delta", has_all_orgs=orgs == "bulk" and ORGS in self.parts)

    def unpack(self, name: str, folder: Path) -> Path:
        """Write a file of the archive into a folder, under its name. Return its path."""
        part, target = self.parts[name], folder / name
        if part.file_size > MOST_BYTES:
            raise UnreadableFile(f"{name} is larger than {MOST_BYTES // _BLOCK} MiB.")
        with self._archive.open(part) as packed, target.open("wb") as file:
            while block := packed.read(_BLOCK):
                file.write(block)
        return target


def _check(listed: list[zipfile.ZipInfo]) -> None:
    names = [part.filename.casefold() for part in listed]
    if len(listed) > _MOST_FILES:
        raise UnreadableFile(f"The archive has more than {_MOST_FILES} files.")
    if any("/" in name or "\\" in name for name in names):
        raise UnreadableFile("The files have to lie at the top of the archive, not in a folder.")
    if len(set(names)) < len(names):
        raise UnreadableFile("The archive has two files of one name.")
    if any(part.flag_bits & _ENCRYPTED for part in listed):
        raise UnreadableFile("The archive has a password. Send it without one.")
    if any(part.compress_type not in _METHODS for part in listed):
        raise UnreadableFile("The archive is compressed in an unusual way. Use the method deflate.")
    packed = sum(part.compress_size for part in listed)
    unpacked = sum(part.file_size for part in listed)
    if unpacked > min(_MOST_UNPACKED, _BLOCK + packed * _MOST_RATIO):
        raise UnreadableFile("The archive holds much more than its size says, or too much.")


def _parse(content: bytes) -> dict[str, str]:
    """Return the values of a manifest by their properties."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise UnreadableFile(f"{MANIFEST} is not well-formed CSV in UTF-8.") from None
    pairs = [[cell.strip() for cell in row[:2]] for row in rows if any(map(str.strip, row))]
    if not pairs or pairs[0] != ["propertyName", "value"] or any(len(pair) < 2 for pair in pairs):
        raise UnreadableFile(f"{MANIFEST} has other columns than propertyName and value.")
    said = {name: value.lower() for name, value in pairs[1:]}
    if len(said) < len(pairs) - 1:
        raise UnreadableFile(f"{MANIFEST} names a property twice.")
    return said
