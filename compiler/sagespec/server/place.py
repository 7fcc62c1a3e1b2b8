"""A place in an open document, with what is known of its project.

In: the position of an editor, and examinations. Out: a `Place`, from which completion, hover, navigation and actions
take what they answer from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from sagespec.checking import schema
from sagespec.project import settings
from sagespec.review import explain
from sagespec.server import cursor
from sagespec.server.cursor import Cursor
from sagespec.server.examination import Examination
from sagespec.server.positions import Text


@dataclass(frozen=True)
class Place:
    """A place in a file of a project; `file` is relative to the project.

    `now` is the examination of what is open; `known` the last one in which the project file was valid, which what is
    offered while typing may come from.
    """

    now: Examination = field(repr=False)
    known: Examination = field(repr=False)
    file: str
    text: Text = field(repr=False)
    offset: int

    @cached_property
    def standing(self) -> Cursor | None:
        """The key or scalar here."""
        return cursor.standing(self.text, self.offset)

    @cached_property
    def typed(self) -> Cursor | None:
        """What is being typed here."""
        return cursor.typed(self.text, self.offset)

    @property
    def is_project_file(self) -> bool:
        return self.file == settings.FILE

    def document(self, here: Cursor) -> str | None:
        """Return which document the cursor is in: a kind, or `Project`; None where the spec names no kind."""
        if self.is_project_file:
            return explain.PROJECT
        return here.kind if here.kind in schema.kinds() else None
