"""The table of permissions: what each operation of AWS needs, filled in from the parameters of calls.

In: `data/permissions.json`, and a `Call`. Out: `Grant`s. Texts of specs are literal in them: characters that IAM
would read as a wildcard or a variable are escaped. A name that ends in the identity becomes a pattern that ends in
`*`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from sagespec import arn, assets
from sagespec.diagnostics import KeyPath
from sagespec.documents.compiled import Request, marker
from sagespec.sagemaker import images

FILE = "compiler/sagespec/data/permissions.json"
_SLOT = re.compile(r"\{(?P<deep>\*\*)?(?P<name>[\w.]+)(~(?P<text>[^|}]+))?(\|(?P<part>\w+))?\}")
_SPECIAL = re.compile(r"[*?$]")
_ESCAPED = re.compile(r"\$\{([*?$])\}")


class Unlisted(Exception):
    """An entry that the table does not have; the message names the entry and the file."""


class Condition(NamedTuple):
    """One condition of a statement; equal operators and keys are alternatives, of which one value must match."""

    operator: str
    key: str
    value: str


class Origin(NamedTuple):
    """The origin of a grant: a request of a spec, and the key paths of the parameters that name the resource."""

    address: str
    request: str
    paths: tuple[KeyPath, ...] = ()


class Grant(NamedTuple):
    """One action on one resource under conditions, with its origin."""

    action: str
    resource: str
    conditions: tuple[Condition, ...]
    origin: Origin


class Value(NamedTuple):
    """A text in IAM's syntax, with the key path of the parameter that it comes from."""

    pattern: str
    path: KeyPath = ()


Outputs = Callable[[str, str], Iterable[str]]
"""Maps the address of a file and the name of an output, as in `$output`, to the patterns of its values."""


@dataclass(frozen=True)
class Call:
    """A call of an operation: account and region, parameters, and the request that it belongs to.

    `given` are additional parameters, as patterns. `at` is the key path of the parameters in the request, for a step
    of a pipeline. `uploads` maps URIs of uploads, which end in a hash, to patterns without the hash.
    """

    address: str
    request: str
    place: Mapping[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Value] = field(default_factory=dict)
    at: KeyPath = ()
    uploads: Mapping[str, str] = field(default_factory=dict)
    outputs: Outputs = lambda _address, _name: ()

    def with_(self, given: Mapping[str, str]) -> Iterator[Call]:
        """Yield the call with further parameters, whose texts contain slots: once for each combination of values."""
        names = sorted(given)
        for filled, paths in self.filled([given[name] for name in names]):
            values = {name: Value(text, paths[0] if paths else ()) for name, text in zip(names, filled, strict=True)}
            yield replace(self, given={**self.given, **values})

    def filled(self, templates: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[KeyPath, ...]]]:
        """Fill several texts with the same values.

        Once for each combination of the values of their slots, or never.
        """
        slots = list(dict.fromkeys((m["deep"] or "") + m["name"] for t in templates for m in _SLOT.finditer(t)))
        for values in product(*(self.values(slot) for slot in slots)):
            chosen = dict(zip(slots, values, strict=True))
            texts = [_fill(template, chosen, self.place) for template in templates]
            if None not in texts:
                paths = tuple(value.path for value in values if value.path)
                yield tuple(str(text) for text in texts), paths

    def values(self, slot: str) -> list[Value]:
        """Return the distinct values of a slot."""
        if slot in self.given:
            return [self.given[slot]]
        if slot in self.place:
            return [Value(self.place[slot])]
        name = slot.removeprefix("**")
        leaves = _leaves(self.parameters, ()) if name != slot else _leaves({name: self.parameters.get(name)}, ())
        values = [
            value for path, leaf in leaves if _ends(path, name) for value in self._patterns(leaf, (*self.at, *path))
        ]
        return list({value.pattern: value for value in reversed(values)}.values())[::-1]

    def _patterns(self, leaf: Any, path: KeyPath) -> Iterator[Value]:
        kind = marker(leaf)
        if kind == "$identity":
            texts = leaf[kind]
            parts = [texts, ""] if isinstance(texts, str) else texts
            yield Value("*".join(map(escaped, parts)), path)
        elif kind == "$output":
            yield from (Value(pattern, path) for pattern in self.outputs(self.address, leaf[kind]))
        elif isinstance(leaf, str):
            stable = next((new for old, new in self.uploads.items() if _is_in(leaf, old)), "")
            yield Value(stable or escaped(leaf), path)


def escaped(text: str) -> str:
    """Escape a text so that IAM reads every character literally."""
    return _SPECIAL.sub(lambda match: f"${{{match[0]}}}", text)


def literal(pattern: str) -> str:
    """Undo `escaped`: what remains of a wildcard is an asterisk, which the same wildcard matches."""
    return _ESCAPED.sub(lambda match: match[1], pattern)


def _is_in(uri: str, folder: str) -> bool:
    return uri == folder or uri.startswith(f"{folder.rstrip('/')}/")


def _leaves(tree: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the texts and markers of a tree; expressions that AWS evaluates, such as `Get`, have no value yet."""
    if isinstance(tree, dict):
        if marker(tree) not in ("", "$json"):
            yield path, tree
            return
        for key, value in tree.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from _leaves(item, (*path, index))
    elif isinstance(tree, str):
        yield path, tree


def _ends(path: KeyPath, name: str) -> bool:
    """Return whether a key path ends in the keys of a dotted name; items of lists have the name of their list."""
    keys = [step for step in path if isinstance(step, str) and step != "$json"]
    names = name.split(".")
    return keys[-len(names) :] == names


def _fill(template: str, chosen: Mapping[str, Value], place: Mapping[str, str]) -> str | None:
    """Return a template with its slots filled; None where a value lacks the required part."""
    parts: list[str] = []
    at = 0
    for match in _SLOT.finditer(template):
        text: str | None = chosen[(match["deep"] or "") + match["name"]].pattern
        if text is not None and match["text"] and match["text"] not in text:
            text = None
        if text is not None and match["part"]:
            text = _PARTS[match["part"]](text, place)
        if text is None:
            return None
        parts += [template[at : match.start()], text]
        at = match.end()
    return re.sub(r"\*\*+", "*", "".join([*parts, template[at:]]))


def _bucket(text: str, _place: Mapping[str, str]) -> str | None:
    return arn.s3_location(text)[0] if text.startswith("s3://") else None


def _key(text: str, _place: Mapping[str, str]) -> str | None:
    return arn.s3_location(text)[1].rstrip("/") if text.startswith("s3://") else None


def _location(text: str, _place: Mapping[str, str]) -> str | None:
    return text.removeprefix("s3://").rstrip("/") if text.startswith("s3://") else None


def _of_hub(text: str, _place: Mapping[str, str]) -> str | None:
    """Return the ARN of the hub that contains a content."""
    parsed, content = arn.parse(text), arn.hub_content(text)
    if parsed is None or content is None:
        return None
    return arn.sagemaker(parsed.partition, parsed.region, parsed.account, f"hub/{content.hub}")


def _unversioned(text: str, _place: Mapping[str, str]) -> str | None:
    """Return the ARN of hub content without its version."""
    parsed, content = arn.parse(text), arn.hub_content(text)
    if parsed is None or content is None:
        return None
    resource = f"hub-content/{content.hub}/{content.type}/{content.name}"
    return arn.sagemaker(parsed.partition, parsed.region, parsed.account, resource)


def _packages(text: str, _place: Mapping[str, str]) -> str | None:
    """Return the pattern of a group's packages by the group's ARN."""
    return (
        text.replace(":model-package-group/", ":model-package/") + "/*" if ":model-package-group/" in text else None
    )


def _repository(text: str, _place: Mapping[str, str]) -> str | None:
    """Return the ARN of an ECR repository by an image's address."""
    image = images.parse(text)
    if image is None:
        return None
    partition = "aws-cn" if image.region.startswith("cn-") else "aws"
    return f"arn:{partition}:ecr:{image.region}:{image.account}:repository/{image.repository}"


def _kms(text: str, place: Mapping[str, str]) -> str:
    """Return the ARN of a KMS key by ARN, id or alias; the key of an alias is unknown, so it is a pattern of all."""
    start = "arn:{partition}:kms:{region}:{account}:key/".format(**place)
    if "alias/" in text:
        return f"{start}*"
    return text if text.startswith("arn:") else start + text


def _interfaces(_text: str, place: Mapping[str, str]) -> str:
    """Return the pattern of the network interfaces that a service creates in a subnet."""
    return "arn:{partition}:ec2:{region}:{account}:network-interface/*".format(**place)


def _none(_text: str, _place: Mapping[str, str]) -> str:
    """Nothing of a value: what follows depends on it."""
    return ""


def _any(_text: str, _place: Mapping[str, str]) -> str:
    return "*"


_PARTS: Mapping[str, Callable[[str, Mapping[str, str]], str | None]] = {
    "any": _any,
    "bucket": _bucket,
    "hub": _of_hub,
    "interfaces": _interfaces,
    "key": _key,
    "kms": _kms,
    "location": _location,
    "none": _none,
    "packages": _packages,
    "repository": _repository,
    "unversioned": _unversioned,
}
"""Parts of a value that a form may name; a value without that part gives no grant."""


@cache
def table() -> Mapping[str, Any]:
    """Return the table."""
    document: Mapping[str, Any] = assets.document(assets.data() / "permissions.json")
    return document


def entry(section: str, name: str) -> Any:
    """Return an entry of a section of the table.

    Raises Unlisted.
    """
    known = table()[section]
    if name not in known:
        raise Unlisted(f"{FILE} has no entry {section}.{name}: add what it needs of IAM")
    return known[name]


def granted(call: Call, actions: Mapping[str, str | Sequence[str]]) -> Iterator[Grant]:
    """Yield the grants that a call needs, from actions with the forms of their resources."""
    for action, forms in actions.items():
        for form in [forms] if isinstance(forms, str) else forms:
            yield from _of_form(call, action, entry("forms", form))


def _of_form(call: Call, action: str, form: Mapping[str, Any]) -> Iterator[Grant]:
    stated = [(op, key, text) for op, keys in form.get("conditions", {}).items() for key, text in keys.items()]
    for (resource, *values), paths in call.filled([form["resource"], *(text for _, _, text in stated)]):
        conditions = tuple(Condition(op, key, v) for (op, key, _), v in zip(stated, values, strict=True))
        yield Grant(action, resource, conditions, Origin(call.address, call.request, paths))


def sent(call: Call, operations: Iterable[Any]) -> Iterator[Grant]:
    """Yield the grants for operations on the same resource; each may have additional parameters."""
    for operation in operations:
        name, given = (operation, {}) if isinstance(operation, str) else operation
        for one in call.with_(given) if given else (call,):
            yield from granted(one, entry("operations", name))


class Step(NamedTuple):
    """A step of a pipeline: its operation, and the key path of its arguments."""

    operation: str
    sends: Sequence[Any]
    arguments: Mapping[str, Any]
    path: KeyPath


def steps(request: Request) -> Iterator[Step]:
    """Yield the steps of the pipeline that a request creates, if it creates one."""
    definition = request.parameters.get("PipelineDefinition")
    if not isinstance(definition, dict) or "$json" not in definition:
        return
    for number, step in enumerate(definition["$json"].get("Steps", ())):
        known = entry("steps", step["Type"])
        path = ("PipelineDefinition", "$json", "Steps", number, "Arguments")
        yield Step(known["operation"], known["sends"], step.get("Arguments", {}), path)


class Passed(NamedTuple):
    """A role that a request passes to a service, and the key path of the parameter with it."""

    role: str
    service: str
    path: KeyPath


def passed(request: Request) -> Iterator[Passed]:
    """Yield the roles that a request passes: its own, and those of the steps of its pipeline."""
    yield from _passed(request.operation, request.parameters, ())
    for step in steps(request):
        yield from _passed(step.operation, step.arguments, step.path)


def _passed(operation: str, parameters: Mapping[str, Any], at: KeyPath) -> Iterator[Passed]:
    form = table()["operations"].get(operation, {}).get("iam:PassRole")
    if form is None:
        return
    written = entry("forms", form)
    name = _SLOT.fullmatch(written["resource"])
    assert name is not None, f"{FILE}: the resource of {form} is one parameter"
    role = parameters.get(name["name"])
    if isinstance(role, str):
        yield Passed(role, written["conditions"]["StringEquals"]["iam:PassedToService"], (*at, name["name"]))
