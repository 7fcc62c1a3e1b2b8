"""Render templates to documents, by tokens.

In: the name of a template and its context. Out: the document as a tree that contains the values of the context
unchanged, with `Traced` ones still traced. Jinja never prints a value into JSON text: each interpolation emits an
opaque token, the text is parsed, and the tokens are replaced. So no value can change the structure of a document.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined, pass_eval_context
from markupsafe import Markup

from sagespec import assets

_MARK = "\ue000"  # private use: occurs in no template, and values never reach the text


_values: ContextVar[list[Any]] = ContextVar("values")
"""The values of the current rendering, at the index that their token contains; threads render at the same time."""


@pass_eval_context
def _token(_context: Any, value: Any) -> Markup:
    if isinstance(value, Markup):  # the output of a macro: it already consists of tokens
        return value
    if isinstance(value, Undefined):
        str(value)  # StrictUndefined raises, naming the variable
    values = _values.get()
    values.append(value)
    return Markup(f'"{_MARK}{len(values) - 1}"')


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(assets.templates()),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_token,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # else each use of a template looks whether its file has changed
    )


def render(template: str, **context: Any) -> Any:
    """Render `<template>.json.j2` to a tree.

    Raises ValueError where the template does not render to JSON: a defect of the template, whatever the spec.
    """
    values: list[Any] = []
    before = _values.set(values)
    try:
        text = _environment().get_template(f"{template}.json.j2").render(**context)
    finally:
        _values.reset(before)
    return _replace(json.loads(text), values)


def _replace(tree: Any, values: list[Any]) -> Any:
    if isinstance(tree, str):
        return values[int(tree[1:])] if tree[:1] == _MARK else tree
    if isinstance(tree, dict):
        return {_key(key, values): _replace(value, values) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_replace(item, values) for item in tree]
    return tree


def _key(key: str, values: list[Any]) -> str:
    if key[:1] != _MARK:
        return key
    value = values[int(key[1:])]
    return str(getattr(value, "value", value))
