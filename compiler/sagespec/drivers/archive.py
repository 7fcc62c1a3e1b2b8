"""Code that comes as one archive: a `.tar.gz`, unpacked where it lies, as `tar -xzf` would.

In: the archive, in the folder that it is unpacked into. Out: folders, files and links in that folder. Refuses: names
and links that lead out of it, names below a link, and whatever is no file, folder or link. Memory does not grow with
the number of entries.
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zlib
from pathlib import Path

CHUNK_BYTES = 1024 * 1024


class Refused(Exception):
    """An archive that is damaged, or would write or lead outside of its folder."""


def unpack(archive: Path) -> None:
    """Unpack an archive beside itself.

    Raises Refused, which names the archive and the entry.
    """
    try:
        with tarfile.open(archive, "r:gz") as entries:
            while True:
                entry = entries.next()
                if entry is None:
                    break
                entries.members = []  # type: ignore[attr-defined]  # kept for looking entries up by name, which nothing here does
                try:
                    _write(entries, entry, archive.parent)
                except (
                    OSError,
                    OverflowError,
                    ValueError,
                ) as error:  # of a NUL in a name, of a time beyond all times
                    why = (getattr(error, "strerror", None) or str(error)).lower()
                    raise Refused("%s: %s: %s" % (archive.name, _shown(entry.name), why)) from None
            _check_end(entries)
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise Refused("%s cannot be unpacked: %s" % (archive.name, error)) from None


def _write(entries: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    """Write one entry. The folders above it are real ones, so that nothing is ever written through a link."""
    path = _inside(folder, entry.name)
    if entry.isdir():
        if path != folder:
            _make_folder(path)
        return
    if path == folder:
        raise ValueError("only a folder can have this name")
    if path.is_symlink() or path.is_file():
        path.unlink()  # a later entry of the same name replaces an earlier one; what it is linked to stays
    if entry.issym():
        _check_target(entry, folder, path)
        path.symlink_to(entry.linkname)
    elif entry.islnk():
        os.link(_inside(folder, entry.linkname), path)
    elif entry.isreg():
        content = entries.extractfile(entry)
        if content is None:
            raise ValueError("has no content")
        with content, path.open("xb") as file:
            shutil.copyfileobj(content, file, CHUNK_BYTES)
        path.chmod(stat.S_IMODE(entry.mode) & 0o777 | stat.S_IRUSR | stat.S_IWUSR)
        os.utime(path, (entry.mtime, entry.mtime))  # Python goes by it whether what it has compiled is still true
    else:
        raise ValueError("is neither a file, a folder nor a link")


def _inside(folder: Path, name: str) -> Path:
    """The path of an entry, with the folders above it made.

    Raises ValueError for one that leads out of the folder, or through a link.
    """
    if name.startswith("/"):
        raise ValueError("an absolute name leads out of the folder")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError("'..' leads out of the folder")
    path = folder
    for part in parts[:-1]:
        path = path / part
        _make_folder(path)
    return path / parts[-1] if parts else path


def _make_folder(path: Path) -> None:
    """Make a folder, unless it is there.

    Raises ValueError where a link or a file is in its way.
    """
    try:
        path.mkdir()
    except FileExistsError:
        if path.is_symlink() or not path.is_dir():
            raise ValueError("%r is in its way, and is no folder" % _shown(path.name)) from None


def _check_target(entry: tarfile.TarInfo, folder: Path, path: Path) -> None:
    """Check that a symbolic link stays inside, whatever the links are that it leads to.

    All `..` have to come first: they lead upwards from a real folder. Behind a name, which may be a link itself,
    they could lead anywhere. Raises ValueError.
    """
    target = entry.linkname
    parts = [part for part in target.split("/") if part not in ("", ".")]
    upwards = len(parts) - len([part for part in parts if part != ".."])
    depth = len(path.relative_to(folder).parts) - 1
    if target.startswith("/") or upwards > depth or ".." in parts[upwards:]:
        raise ValueError("links to %r, which leads out of the folder" % _shown(target))


def _check_end(entries: tarfile.TarFile) -> None:
    """Check that reading has ended where the archive does: `next` takes damage in the middle for the end.

    Raises ReadError.
    """
    if entries.fileobj is None:
        return
    entries.fileobj.seek(entries.offset)
    rest = entries.fileobj.read(tarfile.BLOCKSIZE)
    if rest.strip(b"\0"):
        raise tarfile.ReadError("it is damaged behind its first %d bytes" % entries.offset)


def _shown(name: str) -> str:
    """A name in a message: one of any bytes, and of any length."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= 200 else text[:200] + "..."
