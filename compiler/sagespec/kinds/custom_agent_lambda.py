"""CustomAgentLambda: a Lambda function that is the agent of rollouts, created or existing.

Refuses what Lambda would refuse: variables that are reserved or too long together, and a handler in another file than
the code. Code is parsed, and never run.
"""

from __future__ import annotations

import ast
import hashlib
import os
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sagespec import assets, disk
from sagespec.diagnostics import Problems
from sagespec.documents import names
from sagespec.documents.compiled import Request, canonical
from sagespec.documents.render import render
from sagespec.documents.traced import Traced
from sagespec.project import boundary
from sagespec.project.facts import ask
from sagespec.sagemaker import uploads
from sagespec.sagemaker.exports import Exports
from sagespec.sagemaker.inputs import Inputs

MODULE = "lambda_function.py"
"""The file name of inline code and of single files in the archive."""
ENVIRONMENT_LIMIT = 4096


@dataclass(frozen=True)
class Facts:
    """The function: `arn` of an existing one, else role, code and name."""

    arn: Traced | None = None
    role: Traced | None = None
    code: Any = None
    function_name: Traced | None = None


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields = inputs.fields
    if fields.lambda_arn:
        _warn_of_no_effect(inputs, problems)
        return Facts(arn=fields.lambda_arn)
    _check_environment(fields.environment, problems)
    _check_runtime(fields.runtime, problems)
    role = inputs.role(problems)
    code = _code(inputs, fields.source, problems) if fields.source else None
    if role is None or code is None:
        return None
    return Facts(role=role, code=code, function_name=fields.function_name)


def _warn_of_no_effect(inputs: Inputs, problems: Problems) -> None:
    """Warn of fields that do not apply to an existing function.

    The project's defaults are ignored without a warning.
    """
    for name, value in inputs.fields.entries():
        if name not in ("lambda_arn", "region") and value.path not in inputs.spec.overlays:
            problems.warn("no-effect", f"an existing function has its own {name}", value.path, on_key=True)


def _check_environment(given: Traced, problems: Problems) -> None:
    for name, value in given.entries():
        if name in _reserved():
            problems.error("reserved-name", f"{name} is set by Lambda itself", value.path, on_key=True)
    # Lambda measures the variables as JSON
    size = len(canonical(given.value or {}).encode())
    if size > ENVIRONMENT_LIMIT:
        message = f"all variables together are {size} bytes, Lambda takes {ENVIRONMENT_LIMIT}"
        problems.error("wrong-length", message, given.path, on_key=True)


def _check_runtime(given: Traced, problems: Problems) -> None:
    """Warn of a deprecated runtime, which Lambda refuses for new functions at some later time."""
    since = _deprecated().get(str(given.value))
    if since is not None:
        message = f"Lambda has deprecated {given.value} on {since}: it may refuse new functions with it"
        problems.warn("deprecated-runtime", message, given.path, "the default is python3.12")


@cache
def _deprecated() -> dict[str, str]:
    """Return the runtimes that Lambda has deprecated, with the dates."""
    runtimes: dict[str, str] = assets.document(assets.data() / "lambda_runtimes.json")
    return runtimes


@cache
def _reserved() -> frozenset[str]:
    return frozenset(assets.document(assets.data() / "lambda_environment.json"))


def _code(inputs: Inputs, source: Traced, problems: Problems) -> Any:
    """Return the code of a function.

    An object in S3, a file beside the spec, or inline Python, tried in this order.
    """
    text = source.value.strip()
    if not text:
        problems.error("bad-source", "the source is empty", source.path)
        return None
    if text.startswith("s3://"):
        return _in_s3(inputs, source.to(text), problems)
    one_line = "\n" not in text
    if one_line and (boundary.is_of_home(text) or uploads.status(inputs.folder / text) is not None):
        return _in_file(inputs, source.to(text), problems)
    return _inline(inputs, source, one_line, problems)


def _in_s3(inputs: Inputs, source: Traced, problems: Problems) -> Any:
    """Return the code of an S3 URI: Lambda fetches an archive itself; anything else is Python code in the lock."""
    bucket, _, key = source.value.removeprefix("s3://").partition("/")
    if key.endswith(".zip"):
        return {"S3Bucket": source.to(bucket), "S3Key": source.to(key)}
    if not key or key.endswith("/"):
        problems.error(
            "bad-source", f"{source.value} is not an object: write s3://bucket/key.zip or .py", source.path
        )
        return None
    text = ask(problems, source.path, lambda: inputs.context.code(source.value))
    if text is None:
        return None
    _check_text(inputs.fields, source, text, problems)
    return {"ZipFile": source.to({"$zip": {MODULE: {"text": text}}})}


def _in_file(inputs: Inputs, source: Traced, problems: Problems) -> Any:
    file = inputs.local_path(source, problems)
    if file is None:
        return None
    is_archive = source.value.endswith(".zip")
    try:
        content = disk.read(file, disk.ARCHIVE_BYTES if is_archive else disk.TEXT_BYTES)
    except OSError as error:
        problems.error("bad-source", f"{source.value}: {(error.strerror or str(error)).lower()}", source.path)
        return None
    path = Path(os.path.relpath(file, inputs.project.root)).as_posix()
    named = {"path": path, "sha256": hashlib.sha256(content).hexdigest()}
    if is_archive:
        return {"ZipFile": source.to({"$file": named})}
    _check_text(inputs.fields, source, content, problems)
    return {"ZipFile": source.to({"$zip": {MODULE: named}})}


def _check_text(fields: Traced, source: Traced, content: str | bytes, problems: Problems) -> None:
    """Check code in a file; its Python may be newer than this one, so a syntax error is a warning."""
    _check_module(fields, problems)
    try:
        _check_function(fields, _parse(content), problems)
    except SyntaxError as error:
        problems.warn("bad-source", f"{source.value} is not Python code: {_where(error)}", source.path)


def _inline(inputs: Inputs, source: Traced, one_line: bool, problems: Problems) -> Any:
    try:
        tree = _parse(source.value)
    except SyntaxError as error:
        problems.error("bad-source", f"neither a file nor Python code: {_where(error)}", source.path)
        return None
    if one_line and _is_only_named(tree):
        problems.error("bad-source", "there is no such file, and as code it defines nothing", source.path)
        return None
    _check_module(inputs.fields, problems)
    _check_function(inputs.fields, tree, problems)
    return {"ZipFile": source.to({"$zip": {MODULE: {"text": source.value}}})}


def _parse(code: str | bytes) -> ast.Module:
    """Parse Python code.

    Raises SyntaxError, also for the parser's other errors.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about the style of the code
        try:
            return ast.parse(code)
        except (RecursionError, MemoryError):
            raise SyntaxError("nested too deeply") from None
        except ValueError as error:  # a NUL
            raise SyntaxError(str(error)) from None


def _where(error: SyntaxError) -> str:
    return f"line {error.lineno}: {error.msg}" if error.lineno else error.msg


def _is_only_named(tree: ast.Module) -> bool:
    """Return whether code consists of names only: a mistyped path is valid Python of this form."""
    return all(isinstance(node, ast.Expr) for node in tree.body) and not any(
        isinstance(node, ast.Call) for node in ast.walk(tree)
    )


def _check_module(fields: Traced, problems: Problems) -> None:
    """Check that the handler is in the module that the code is archived as."""
    handler, runtime = fields.handler, fields.runtime
    module, function = _handler(fields)
    if runtime and not runtime.value.startswith("python"):
        hint = "bring code of other languages as a .zip"
        problems.error("bad-runtime", f"{runtime.value} does not run a {MODULE}", runtime.path, hint)
    if f"{module}.py" != MODULE or not function:
        hint = "write lambda_function.<name of the function>"
        problems.error("bad-handler", f"the code is archived as {MODULE}: this is not in it", handler.path, hint)


def _check_function(fields: Traced, tree: ast.Module, problems: Problems) -> None:
    module, function = _handler(fields)
    if f"{module}.py" == MODULE and not {function, "*"} & _bound(tree):
        message = f"the code does not define {function!r}, which handler names"
        problems.warn("bad-source", message, (fields.handler or fields.source).path)


def _handler(fields: Traced) -> tuple[str, str]:
    module, _, function = str(fields.handler.value or "lambda_function.handler").rpartition(".")
    return module, function


def _bound(tree: ast.Module) -> set[str]:
    """Return every name that code may define, at any depth; `*` for a star import."""
    bound = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name)
    return bound


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    if facts.arn is not None:
        return []
    fields = inputs.fields
    made = render("CustomAgentLambda", spec=fields, role=facts.role, code=facts.code)
    parameters: dict[str, Any] = {**made, "FunctionName": facts.function_name or _name(inputs)}
    if tags := {t["Key"].value: t["Value"] for t in inputs.tags()}:
        parameters["Tags"] = tags
    return [Request("function", "lambda", "CreateFunction", parameters)]


def exports(inputs: Inputs, facts: Facts) -> Exports:
    function = facts.arn or Traced({"$output": f"{inputs.spec.address}.FunctionArn"})
    return Exports(function=function, function_name=facts.function_name or None)


def _name(inputs: Inputs) -> dict[str, Any]:
    # execution-role policies cover functions with sagemaker in their names
    return names.ending_in_identity(f"SageMaker-agent-adapter-{inputs.qualified_name}", names.FUNCTION_LIMIT)
