"""Parse documents that AWS returns as text: JSON in a member of an answer, or inside another document.

In: the text. Out: the tree. A text that is not JSON, or has duplicate keys, is a malformed answer, which is retried,
and never a document without members.
"""

from __future__ import annotations

from typing import Any

from sagespec.executor import answers
from sagespec.executor.answers import InvalidAnswer
from sagespec.executor.cloud_errors import invalid


def read(text: str, what: str) -> Any:
    """Parse a document; `what` is the member that contains it.

    Raises CloudError where it is not JSON.
    """
    try:
        return answers.document(text, what)
    except InvalidAnswer as error:
        raise invalid(str(error), "") from None
