"""What the installed SDK calls things; `test_names.py` runs this with its Python.

In, as JSON on stdin: a list of [MODULE or MODULE:CLASS, how its names are found]. Out, as JSON: the lists of their
names.

- `class`: fields or parameters of the constructor, public members, and the parameters of methods as `method(name)`.
  What comes from a base class that is asked for too is left to that one.
- `constructor`: its parameters alone.
- `module`: functions as `name()` with their parameters, and the classes that are not asked for themselves.
- `modules`: the modules of `sagemaker.train` of which nothing is asked for; of a folder without any, the folder.
- `exports`: what can be imported from `sagemaker.train` itself and is in none of the other lists.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
PACKAGE = "sagemaker.train"


@cache
def found(origin: str) -> Any:
    module, _, name = origin.partition(":")
    return getattr(import_module(module), name) if name else import_module(module)


def parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def called(name: str, function: Any) -> Iterator[str]:
    yield f"{name}()"
    yield from (f"{name}({parameter})" for parameter in parameters(function))


def of_class(owner: Any, asked: list[Any]) -> Iterator[str]:
    """The names of one class; a model's fields are its own where the base that has them is asked for too."""
    from pydantic import BaseModel

    bases = [base for base in owner.__mro__[1:] if base in asked]
    elsewhere = {name for base in bases for name in getattr(base, "model_fields", {})}
    fields = getattr(owner, "model_fields", None)
    if fields is not None:
        yield from (name for name in fields if name not in elsewhere)
    elif "__init__" in vars(owner) and not issubclass(owner, BaseException):
        yield from parameters(owner.__init__)
    for name in dir(owner):
        defining = next((base for base in owner.__mro__ if name in vars(base)), type(owner))
        ours = defining.__module__.startswith("sagemaker.") and (defining is owner or defining not in asked)
        if name.startswith("_") or name in (fields or ()) or not ours or name in dir(BaseModel) or name == "Config":
            continue
        member = inspect.getattr_static(owner, name)
        if callable(getattr(owner, name)) and not isinstance(member, property):
            yield from called(name, getattr(owner, name))
        else:
            yield name


def of_module(module: Any, asked: list[Any]) -> Iterator[str]:
    """The names that a module defines; one that defines nothing has those that it imports from the SDK."""
    public = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and hasattr(value, "__module__")
    }
    own = {name: value for name, value in public.items() if value.__module__ == module.__name__}
    if not own:
        own = {name: value for name, value in public.items() if str(value.__module__).startswith("sagemaker.")}
    for name, value in own.items():
        if inspect.isclass(value):
            if value not in asked:
                yield name
        elif inspect.isfunction(value):
            yield from called(name, value)


def modules(asked: set[str]) -> Iterator[str]:
    top = Path(import_module(PACKAGE).__file__ or "").parent
    paths = [file.relative_to(top).with_suffix("").parts for file in sorted(top.rglob("*.py"))]
    for path in paths:
        if any(part.startswith("_") for part in path) or ".".join((PACKAGE, *path)) in asked:
            continue
        folder = path[0]
        yield ".".join(path) if any(name.startswith(f"{PACKAGE}.{folder}.") for name in asked) else folder


def exports(known: set[str]) -> Iterator[str]:
    """The names that the `__getattr__` of the package compares with."""
    for node in ast.walk(ast.parse(Path(import_module(PACKAGE).__file__ or "").read_text("utf-8"))):
        if isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Constant):
            name = str(node.comparators[0].value)
            if name not in known and f"{name}()" not in known:
                yield name


def main() -> None:
    questions = json.load(sys.stdin)
    classes = [found(origin) for origin, how in questions if how == "class"]
    asked = {origin.partition(":")[0] for origin, how in questions if how in ("class", "module")}
    known = {origin.partition(":")[2] for origin, how in questions if how in ("class", "constructor")}
    answers: list[list[str]] = []
    for origin, how in questions:
        if how == "class":
            names = of_class(found(origin), classes)
        elif how == "module":
            names = of_module(found(origin), classes)
        elif how == "constructor":
            names = iter(parameters(found(origin).__init__))
        elif how == "modules":
            names = modules(asked)
        else:
            names = exports(known.union(*answers))
        answers.append(list(dict.fromkeys(names)))
    sys.stdout.write(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
