"""What the installed SDK calls things; `test_names.py` runs this with its Python.

In: a JSON list of [MODULE or MODULE:NAME, how its names are found] on stdin. Out: the lists of their names, as JSON.
"""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from functools import reduce
from importlib import import_module
from typing import Any

warnings.simplefilter("ignore")


def names(origin: str, how: str) -> list[str]:
    from pydantic import BaseModel

    module, _, path = origin.partition(":")
    owner: Any = reduce(getattr, filter(None, path.split(".")), import_module(module))
    if how == "fields":
        return list(owner.model_fields)
    if how == "parameters":
        return [name for name in inspect.signature(owner).parameters if name != "self"]
    if how == "classes":
        classes = inspect.getmembers(owner, inspect.isclass)
        return [name for name, found in classes if found.__module__.startswith("sagemaker.")]
    fields = set(owner.model_fields)
    return [name for name in dir(owner) if not name.startswith("_") and name not in {*dir(BaseModel), *fields}]


if __name__ == "__main__":
    found = [names(*asked) for asked in json.load(sys.stdin)]
    sys.stdout.write(json.dumps(found) + "\n")
