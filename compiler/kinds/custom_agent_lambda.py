"""CustomAgentLambda: a Lambda function that is the agent of rollouts, created or already there."""

from __future__ import annotations

import ast
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler import names
from compiler.compiled import Generated, Request
from compiler.diagnostics import Problems
from compiler.render import render
from compiler.resolved import Inputs
from compiler.trace import Traced

MODULE = "lambda_function.py"
"""What inline code and single files are called in the archive."""


@dataclass(frozen=True)
class Facts:
    """The function: `arn` where it exists already, else its code and role."""

    arn: Traced | None = None
    role: Traced | None = None
    code: Any = None


def resolve(inputs: Inputs, problems: Problems) -> Facts | None:
    fields = inputs.fields
    if fields.lambda_arn:
        for name, value in fields.entries():
            if name not in ("lambda_arn", "region", "role", "tags"):
                problems.warn("no-effect", f"an existing function has its own {name}", value.path, on_key=True)
        return Facts(arn=fields.lambda_arn)
    role = inputs.role(problems)
    code = _code(inputs, fields.source, problems) if fields.source else None
    return None if role is None or code is None else Facts(role=role, code=code)


def _code(inputs: Inputs, source: Traced, problems: Problems) -> Any:
    """Code of a function: an archive in S3, a file beside the spec, or inline Python, in this order."""
    text = source.value
    if text.startswith("s3://"):
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not key.endswith(".zip"):
            problems.error("bad-source", "code in S3 must be an archive: s3://bucket/key.zip", source.path)
        return {"S3Bucket": source.to(bucket), "S3Key": source.to(key)}
    if not text.strip():
        problems.error("bad-source", "the source is empty", source.path)
        return None
    if "\n" in text or not _is_path(text):
        return _inline(inputs, source, problems)
    file = inputs.folder / text
    try:
        content = file.read_bytes()
    except OSError as error:
        problems.error("bad-source", f"{text}: {(error.strerror or str(error)).lower()}", source.path)
        return None
    named = {
        "path": Path(os.path.relpath(file, inputs.root)).as_posix(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return {"ZipFile": source.to({"$file": named} if text.endswith(".zip") else {"$zip": {MODULE: named}})}


def _is_path(text: str) -> bool:
    """Whether one line is meant as a path: inline code has spaces, brackets or signs in it."""
    return text.endswith((".py", ".zip")) or ("/" in text and not set(text) & set(" ()=:'\""))


def _inline(inputs: Inputs, source: Traced, problems: Problems) -> Any:
    handler = str(inputs.fields.handler.value or "lambda_function.handler")
    try:
        tree = ast.parse(source.value)
    except SyntaxError as error:
        message = f"neither a file nor Python code: line {error.lineno}: {error.msg}"
        problems.error("bad-source", message, source.path)
        return None
    except ValueError as error:  # a NUL character
        problems.error("bad-source", f"neither a file nor Python code: {error}", source.path)
        return None
    known = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    known |= {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    module, _, function = handler.rpartition(".")
    imports = any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body)
    if module == "lambda_function" and function not in known and not imports:
        problems.warn("bad-source", f"the code does not define {function!r}, which handler names", source.path)
    return {"ZipFile": source.to({"$zip": {MODULE: {"text": source.value}}})}


def requests(inputs: Inputs, facts: Facts) -> list[Request]:
    if facts.arn is not None:
        return []
    fields = inputs.fields
    parameters: dict[str, Any] = render("CustomAgentLambda", spec=fields, role=facts.role, code=facts.code)
    parameters["FunctionName"] = fields.function_name if fields.function_name else _name(inputs)
    if tags := {t["Key"].value: t["Value"] for t in inputs.tags(ours=False)}:
        parameters["Tags"] = tags
    return [Request("function", "lambda", "CreateFunction", parameters)]


def _name(inputs: Inputs) -> Generated:
    # execution-role policies cover functions with sagemaker in their names
    return names.ending_in_identity(f"SageMaker-agent-adapter-{inputs.qualified_name}", names.FUNCTION_LIMIT)
