"""The lock, written: everything that only AWS knows and that the specs of all environments need.

In: settings, paths, the lock as it was, and AWS. Out: a `Locked`, whose text is what the file should hold.
Specs are checked against a draft that notes what they ask for; what it lacks is looked up, all at once, and the
specs are checked again, until they ask for nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler import lock, places, workspace
from compiler.compiled import API_VERSION
from compiler.diagnostics import Diagnostic
from compiler.executor import lookup
from compiler.executor.cloud import Cloud, CloudError
from compiler.executor.lookup import Account, NoFact
from compiler.lock import Context, Fact, Lock
from compiler.project import Settings
from compiler.workspace import Checked

THREADS = 16
_SINGLE = {name for name in lookup.SOURCES if name in ("role", "default_mlflow_app")}


@dataclass(frozen=True)
class Locked:
    """What locking has come to: contexts by key, and what stands in the way of writing them.

    `by_aws` says that AWS has refused to answer something.
    """

    contexts: Mapping[str, Mapping[str, Any]]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str] = field(repr=False)
    by_aws: bool = False

    @property
    def failed(self) -> bool:
        return any(d.is_error for d in self.diagnostics)

    @property
    def text(self) -> str:
        document = {"apiVersion": API_VERSION, "kind": "Lock", "contexts": self.contexts}
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class _Draft(Lock):
    """A lock that grows: the caller's own account has a context for every region that is asked for."""

    account: str = ""
    region: str | None = None
    fresh: bool = False
    drafts: dict[str, Context] = field(default_factory=dict)

    def context(self, account: str | None, region: str | None) -> Context:
        if account not in (None, self.account):
            try:
                return super().context(account, region)
            except lock.MissingFact as missing:
                raise lock.MissingFact(missing.message, f"lock with credentials of account {account}") from None
        chosen = region or self.region or self._only_region()
        if chosen is None:
            message = "no region: name one in the spec, in `defaults` of sagespec.yaml, or with --region"
            raise lock.MissingFact(message)
        key = f"{self.account}/{chosen}"
        if key not in self.drafts:
            known = {} if self.fresh else dict(self.contexts.get(key, {}))
            facts = {name: dict(v) if isinstance(v, dict) else v for name, v in known.items()}
            self.drafts[key] = Context(self.account, chosen, places.partition_of(chosen), facts, {}, {})
        return self.drafts[key]

    def _only_region(self) -> str | None:
        known = [key.partition("/")[2] for key in self.contexts if key.startswith(f"{self.account}/")]
        return known[0] if len(known) == 1 else None


def draft(
    cloud: Cloud,
    environments: Sequence[Settings],
    paths: Sequence[Path],
    before: Lock | None,
    region: str | None,
    *,
    fresh: bool = False,
    forget: Sequence[Path] = (),
) -> Locked:
    """Work out the lock that the specs need.

    `fresh` looks everything up again, `forget` what the specs of these files use. With `paths`, facts that only
    others use are kept. Raises CloudError where not even the caller is known.
    """
    identity = cloud.call("sts", "GetCallerIdentity", region or environments[0].region)
    made = _Draft(before.contexts if before else {}, identity["Account"], region, fresh)
    if forget:
        _forget(made, environments, forget, region)
    failures: dict[tuple[str, Fact], tuple[str, str]] = {}
    by_aws = False
    while True:
        checked = [_check(settings, paths, region, made) for settings in environments]
        wanted = list(_wanted(made, failures))
        if not wanted:
            break
        with ThreadPoolExecutor(THREADS) as pool:
            found = pool.map(lambda w: _find(cloud, made.drafts[w[0]], identity["Arn"], *w[1]), wanted)
        for (key, (section, name)), (fact, reason, refused) in zip(wanted, found, strict=True):
            context = made.drafts[key]
            if reason is not None:
                failures[key, (section, name)] = reason
                if context.asked[section, name]:
                    by_aws |= refused
                context.reasons[section, name] = reason  # type: ignore[index]  # a draft's own dict
            elif section in _SINGLE:
                context.facts[section] = fact  # type: ignore[index]
            else:
                context.facts.setdefault(section, {})[name] = fact  # type: ignore[attr-defined]
    contexts = dict(made.contexts) | {k: _pruned(c, bool(paths)) for k, c in made.drafts.items()}
    texts = {name: text for one in checked for name, text in one.texts.items()}
    return Locked(contexts, tuple(sorted(set(_blocking(checked)))), texts, by_aws)


def _forget(made: _Draft, environments: Sequence[Settings], paths: Sequence[Path], region: str | None) -> None:
    """Drop the facts that some specs use, so that they are looked up again."""
    for settings in environments:
        _check(settings, paths, region, made)
    for context in made.drafts.values():
        for section, name in context.asked:
            if section in _SINGLE:
                context.facts.pop(section, None)  # type: ignore[attr-defined]
            else:
                context.facts.get(section, {}).pop(name, None)
        context.asked.clear()


def _check(settings: Settings, paths: Sequence[Path], region: str | None, made: _Draft) -> Checked:
    checked = workspace.check(settings, paths, region, made)
    workspace.compile(checked)  # only the finished documents know which job schemas they need
    return checked


def _wanted(made: _Draft, failures: Mapping[tuple[str, Fact], Any]) -> Iterator[tuple[str, Fact]]:
    for key, context in made.drafts.items():
        for section, name in sorted(context.asked):
            has = (
                context.facts.get(section) is not None
                if section in _SINGLE
                else name in context.facts.get(section, {})
            )
            if not has and (key, (section, name)) not in failures:
                yield key, (section, name)


def _find(
    cloud: Cloud, context: Context, caller: str, section: str, name: str
) -> tuple[Any, tuple[str, str] | None, bool]:
    """Look one fact up: the fact, or the reason why there is none, and whether AWS has refused."""
    account = Account(cloud, context.account, context.region, context.partition, caller)
    try:
        return lookup.look_up(account, section, name), None, False
    except NoFact as error:
        return None, (str(error), ""), False
    except CloudError as error:
        needs = f"it needs {', '.join(lookup.SOURCES[section].permissions)}"
        return None, (f"cannot be looked up: {error}", f"{error.hint}; {needs}" if error.hint else needs), True


def _blocking(checked: Iterable[Checked]) -> Iterator[Diagnostic]:
    """What stands in the way of a lock: facts that are missing, specs that cannot be read at all."""
    for one in checked:
        for diagnostic in one.diagnostics:
            if diagnostic.rule == "missing-fact" or (diagnostic.is_error and diagnostic.address not in one.targets):
                yield diagnostic


def _pruned(context: Context, keep: bool) -> dict[str, Any]:
    """The facts that were asked for; with `keep` those of specs that were not looked at, too."""
    found: dict[str, Any] = {"account": context.account, "region": context.region, "partition": context.partition}
    for section, source in sorted(lookup.SOURCES.items()):
        facts = context.facts.get(section)
        if section in _SINGLE:
            found[section] = facts if keep or (section, "") in context.asked else None
        elif source:
            found[section] = {n: f for n, f in (facts or {}).items() if keep or (section, n) in context.asked}
    return found
