"""Read and write files of the project; the only package that does.

In: paths. Out: bytes, up to a limit. Reading refuses everything but regular files, and files longer than their limit.
Writing refuses to follow links, and to replace anything but a regular file.

What is read may come from a `View` of a folder instead, such as a commit of git; what is written never does. An
`Observer` is told of every question and its answer, so that a result can be used again while answers are the same.
"""

from sagespec.disk.reading import (
    ARCHIVE_BYTES,
    CHUNK_BYTES,
    COMPILED_BYTES,
    LOCK_BYTES,
    TEXT_BYTES,
    chunks,
    entries,
    exists,
    head,
    is_file,
    is_folder,
    is_link,
    look,
    read,
    real,
    status,
    streamed,
)
from sagespec.disk.views import Entry, Observer, Question, View, again, observed, tell, through
from sagespec.disk.writing import PART, PART_SUFFIX, create, remove, replace

__all__ = [
    "ARCHIVE_BYTES",
    "CHUNK_BYTES",
    "COMPILED_BYTES",
    "LOCK_BYTES",
    "PART",
    "PART_SUFFIX",
    "TEXT_BYTES",
    "Entry",
    "Observer",
    "Question",
    "View",
    "again",
    "chunks",
    "create",
    "entries",
    "exists",
    "head",
    "is_file",
    "is_folder",
    "is_link",
    "look",
    "observed",
    "read",
    "real",
    "remove",
    "replace",
    "status",
    "streamed",
    "tell",
    "through",
]
