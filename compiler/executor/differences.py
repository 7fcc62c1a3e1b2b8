"""Two documents compared: what AWS has, against what was compiled.

In: two trees, the second with its markers. Out: one line for each place where they differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Compare two documents; an output that is not known yet differs from nothing."""
    if isinstance(new, dict) and set(new) == {"$output"}:
        return
    if isinstance(new, dict) and set(new) == {"$json"}:
        yield from differences(json.loads(old) if isinstance(old, str) else old, new["$json"], place)
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if key not in new:
                yield f"{place}/{key}: was {_short(old[key])}, now absent"
            elif key not in old:
                yield f"{place}/{key}: new, {_short(new[key])}"
            else:
                yield from differences(old[key], new[key], f"{place}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{place}/{index}")
    elif old != new:
        yield f"{place}: was {_short(old)}, now {_short(new)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
