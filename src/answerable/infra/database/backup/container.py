"""The file of a backup: what is in it in words (JSON), the database compressed, and a checksum over all of it.

A line that says what it is; the length of the manifest and the manifest; chunks of a zlib stream, each with its length,
up to one of length 0; SHA-256 over everything before. So a file that was cut, changed or added to anywhere is refused
before anything is read from it. Memory is bounded: everything goes through pieces of a megabyte.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from answerable.kernel.errors import Conflict, Invalid

MAGIC = b"ANSWERABLE BACKUP 1\n"
PIECE = 1 << 20
MOST_MANIFEST = 16 << 20
_LENGTH = 4
_SUM = hashlib.sha256().digest_size


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a backup says of itself.

    ``migrations`` are (owner, name, checksum), ``tables`` the rows of each, ``seal`` the hash of the last seal of the
    event log and ``mark`` tells with which secret it was made; ``size`` and ``sha256`` are those of the copy of
    the database.
    """

    version: str
    engine: str
    schema: str
    services: list[str]
    made_at: str
    migrations: list[tuple[str, str, str]]
    tables: dict[str, int]
    messages: int
    seal: str
    mark: str
    size: int = 0
    sha256: str = ""


def write(target: Path, manifest: Manifest, payload: Path) -> Manifest:
    """Write a backup of the copy in ``payload``; it has its name only once all of it is on the disk.

    Raises ``Conflict`` where there is a file of this name.
    """
    refuse_taken(target)
    manifest = msgspec.structs.replace(manifest, size=payload.stat().st_size, sha256=_sum_of(payload))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            _write(file, manifest, payload)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, target)  # unlike a rename it replaces nothing
        except FileExistsError:
            raise Conflict(f"{target} is there already. Name another file.") from None
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)
    return manifest


def refuse_taken(target: Path) -> None:
    """Raise ``Conflict`` where there is a file of this name, ``Invalid`` where there can be none."""
    if target.exists():
        raise Conflict(f"{target} is there already. Name another file.")
    if not target.parent.is_dir():
        raise Invalid(f"{target.parent} is not a folder.")


def _write(file: BinaryIO, manifest: Manifest, payload: Path) -> None:
    total = hashlib.sha256()

    def put(data: bytes) -> None:
        total.update(data)
        file.write(data)

    head = msgspec.json.encode(manifest)
    put(MAGIC)
    put(len(head).to_bytes(_LENGTH, "big") + head)
    packer = zlib.compressobj(6)
    for piece in pieces(payload):
        if packed := packer.compress(piece):
            put(len(packed).to_bytes(_LENGTH, "big") + packed)
    packed = packer.flush()
    put(len(packed).to_bytes(_LENGTH, "big") + packed + bytes(_LENGTH))
    file.write(total.digest())


def check(path: Path) -> Manifest:
    """Read all of a backup and return its manifest. Raises ``Invalid`` for a file that is not a whole one."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise _refused(path, "it is not a backup of this program, or its first bytes were changed")
            file.seek(0)
            total, left = hashlib.sha256(), size - _SUM
            while left > 0:
                piece = file.read(min(PIECE, left))
                if not piece:
                    break
                total.update(piece)
                left -= len(piece)
            if left or total.digest() != file.read():
                raise _refused(path, "it was cut or changed since it was made")
            file.seek(len(MAGIC))
            return _manifest(path, file)
    except OSError as error:
        raise Invalid(f"{path}: cannot be read ({error.strerror}).") from error


def unpack(path: Path, target: Path) -> None:
    """Write the database's copy of a checked backup into a new file. Raises ``Invalid``."""
    with path.open("rb") as file, os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        file.seek(len(MAGIC))
        manifest = _manifest(path, file)
        total, size = hashlib.sha256(), 0
        for piece in _unpacked(path, file):
            total.update(piece)
            size += len(piece)
            if size > manifest.size:
                break
            out.write(piece)
        if size != manifest.size or total.hexdigest() != manifest.sha256:
            raise _refused(path, "what is in it is not what it says")
        out.flush()
        os.fsync(out.fileno())


def pieces(path: Path) -> Iterator[bytes]:
    """Read a file a megabyte at a time."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def sync_folder(folder: Path) -> None:
    """Wait until names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _manifest(path: Path, file: BinaryIO) -> Manifest:
    length = int.from_bytes(file.read(_LENGTH), "big")
    if length > MOST_MANIFEST:
        raise _refused(path, "its manifest is too long")
    try:
        return msgspec.json.decode(file.read(length), type=Manifest)
    except msgspec.DecodeError as error:
        raise _refused(path, f"its manifest cannot be read ({error})") from error


def _unpacked(path: Path, file: BinaryIO) -> Iterator[bytes]:
    unpacker: Any = zlib.decompressobj()
    try:
        while length := int.from_bytes(file.read(_LENGTH), "big"):
            packed = file.read(min(length, 4 * PIECE))
            while packed:
                yield unpacker.decompress(packed, PIECE)
                packed = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as error:
        raise _refused(path, f"it cannot be unpacked ({error})") from error


def _sum_of(path: Path) -> str:
    total = hashlib.sha256()
    for piece in pieces(path):
        total.update(piece)
    return total.hexdigest()


def _refused(path: Path, why: str) -> Invalid:
    return Invalid(f"{path} is not a whole backup: {why}. Nothing was changed.")
