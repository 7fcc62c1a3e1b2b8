"""Documents that AWS gives as text: JSON in a member of an answer, or inside another document.

In: the text. Out: the tree. A text that is not JSON, or is ambiguous, counts as a malformed answer, which is retried,
never as a document without members.
"""

from __future__ import annotations

from typing import Any

from sagespec.executor import answers
from sagespec.executor.answers import InvalidAnswer
from sagespec.executor.cloud_errors import invalid


def read(text: str, what: str) -> Any:
    """Read a document; `what` is the member that holds it.

    Raises CloudError for anything that is not JSON.
    """
    try:
        return answers.document(text, what)
    except InvalidAnswer as error:
        raise invalid(str(error), "") from None
