"""Write what is known of a field as an editor shows it: in hovers, and beside the offers of a completion.

In: an `Explanation`. Out: Markdown or plain text.
"""

from __future__ import annotations

from functools import lru_cache

from sagespec.review import explain, explained, reference
from sagespec.review.explain import Explanation
from sagespec.review.fields import Steps


def text(explanation: Explanation, *, is_markdown: bool) -> str:
    """Write a field without those below it."""
    return _text(explanation.field.document, explanation.field.path, is_markdown)


@lru_cache(maxsize=1_000)  # a completion writes some dozens of fields, and every key that is pressed asks for one
def _text(document: str, path: Steps, is_markdown: bool) -> str:
    explanation = explain.at(document, path)
    if explanation is None:
        return ""
    if is_markdown:
        return "\n".join(reference.field(explanation, "###"))
    return "\n".join("".join(line) for line in explained.text(explanation, 0))
