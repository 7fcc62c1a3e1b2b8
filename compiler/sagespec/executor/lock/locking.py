"""Compute the lock: the facts that only AWS knows and that the specs of all environments need.

In: settings, paths, the existing lock, and AWS. Out: a `Locked`. Specs are checked against a draft that records which
facts they ask for. Missing ones are looked up concurrently, and the specs are checked again, until nothing is
missing. Only the caller's own account is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sagespec.compiling import location, workspace
from sagespec.compiling.workspace import Compilation
from sagespec.diagnostics import Diagnostic, Problem
from sagespec.executor import concurrently
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.lock import lookup
from sagespec.executor.lock.account import Account, NoFact
from sagespec.project import lock
from sagespec.project.facts import Context, Fact, MissingFact, Reason, kept_as
from sagespec.project.lock import Lock
from sagespec.project.settings import Settings
from sagespec.reading import source

THREADS = 16
_OF_FACTS = ("missing-fact", "refused-fact")
_UNUSABLE = "judge-unusable"
"""The rule of judges past their end of life: they are locked, and only `compile` refuses them."""


@dataclass(frozen=True)
class Locked:
    """The result of locking: contexts by key, and diagnostics."""

    contexts: Mapping[str, Mapping[str, Any]]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str] = field(repr=False)
    uses: frozenset[str] = frozenset()
    not_found: tuple[str, ...] = ()
    """Requested facts that could not be looked up, as `section/name`."""

    @property
    def failed(self) -> bool:
        """Whether a needed fact could not be looked up."""
        return any(d.is_error and d.rule in _OF_FACTS for d in self.diagnostics)

    @property
    def refused(self) -> bool:
        """Whether AWS has refused to answer a request."""
        return any(d.is_error and d.rule == "refused-fact" for d in self.diagnostics)

    @property
    def incomplete(self) -> bool:
        """Whether some specs have errors, so that the needed facts are not all known."""
        return any(d.is_error for d in self.diagnostics)

    @property
    def facts(self) -> int:
        """The number of facts."""
        sections = [(name, facts) for context in self.contexts.values() for name, facts in context.items()]
        single = sum(name in lookup.SINGLE and facts is not None for name, facts in sections)
        return single + sum(len(facts) for _, facts in sections if isinstance(facts, dict))

    @property
    def text(self) -> str:
        return lock.dump(self.contexts)


@dataclass(frozen=True)
class _Draft(Lock):
    """A lock that grows: the caller's account gets a context for every region that is asked for.

    `region` is the default where neither spec, project nor command line gives one, and the lock has not exactly one.
    """

    account: str
    region: str | None = None
    fresh: bool = False
    drafts: dict[str, Context] = field(default_factory=dict)

    def context(self, account: str | None, region: str | None) -> Context:
        if account not in (None, self.account):
            return super().context(account, region)
        chosen = region or self.only_region(self.contexts) or self.region
        if chosen is None:
            message = "no region: name one in the spec, in `defaults` of sagespec.yaml, or with --region"
            raise MissingFact(message)
        key = f"{self.account}/{chosen}"
        if key not in self.drafts:
            partition = location.partition_of(chosen)
            known = {} if self.fresh else self.contexts.get(key, {})
            facts = {name: dict(v) if isinstance(v, dict) else v for name, v in known.items()}
            facts |= {"account": self.account, "region": chosen, "partition": partition}
            self.drafts[key] = Context(self.account, chosen, partition, facts, reasons={})
        return self.drafts[key]

    def only_region(self, keys: Iterable[str]) -> str | None:
        regions = [key.partition("/")[2] for key in keys if key.startswith(f"{self.account}/")]
        return regions[0] if len(regions) == 1 else None


@dataclass(frozen=True)
class _Run:
    """One run of locking: the caller, the specs, and the environments in which they are checked."""

    cloud: Cloud
    caller: str
    views: Sequence[Settings]
    paths: Sequence[Path]
    region: str | None
    draft: _Draft
    looked_up: set[tuple[str, Fact]] = field(default_factory=set)

    def settle(self) -> list[Compilation]:
        """Check the specs and look up missing facts, until none is missing."""
        while True:
            checked = [self._check(view) for view in self.views]
            wanted = [(key, fact) for key, context in self.draft.drafts.items() for fact in _wanted(context)]
            if not wanted:
                return checked
            answers = concurrently.ask(lambda one: self._find(self.draft.drafts[one[0]], one[1]), wanted, THREADS)
            for (key, fact), answer in zip(wanted, answers, strict=True):
                _keep(self.draft.drafts[key], fact, answer)
            self.looked_up.update(wanted)

    def _check(self, view: Settings) -> Compilation:
        # a project with environments, checked without one, uses the regions of its environments
        region = self.region or (self.draft.only_region(self.draft.drafts) if _is_spare(view) else None)
        checked = workspace.check(view, self.paths, region, self.draft)
        return workspace.compile(checked)  # only rendered documents tell which job schemas are needed

    def _find(self, context: Context, fact: Fact) -> Any:
        """Look up one fact; return it, or the reason why it is missing."""
        section, name = fact
        account = Account(self.cloud, context.account, context.region, context.partition, self.caller)
        try:
            return lookup.look_up(account, section, name)
        except NoFact as error:
            return Reason(error.message, error.hint)
        except CloudError as error:
            what = f"{section}/{name}" if name else section
            return Reason(f"{what} cannot be looked up: {error}", error.hint, refused=True)

    def forget(self, asked: frozenset[str], checked: Iterable[Compilation]) -> None:
        """Drop the facts that some specs and their dependencies use, so that they are looked up again."""
        askers = set(asked)
        for one in checked:
            resolved = one.checked.resolved
            rest = [resolved[address] for address in asked if address in resolved]
            while rest:
                drafted = rest.pop()
                askers.add(drafted.spec.address)
                rest += drafted.dependencies
        for key, context in self.draft.drafts.items():
            for fact, by in context.asked.items():
                if by & askers and (key, fact) not in self.looked_up:
                    _drop(context, fact)
            context.asked.clear()


def draft(
    cloud: Cloud,
    environments: Sequence[Settings],
    paths: Sequence[Path],
    before: Lock,
    *,
    region: str | None = None,
    weakest: str | None = None,
    fresh: bool = False,
    upgrade: frozenset[str] = frozenset(),
) -> Locked:
    """Compute the lock that the specs need.

    `region` is that of the command line, `weakest` the machine's default. `fresh` looks up everything again,
    `upgrade` the facts of these addresses. With `paths`, facts of other specs are kept. Raises CloudError where the
    caller's identity cannot be determined.
    """
    somewhere = region or next((view.region for view in environments if view.region), None) or weakest
    identity = cloud.call("sts", "GetCallerIdentity", somewhere)
    account: str = identity["Account"]
    made = _Draft(before.contexts, account, weakest, fresh)
    ours = [view for view in environments if view.account in (None, account)]
    run = _Run(cloud, identity["Arn"], ours, paths, region, made)
    checked = run.settle()
    if upgrade:
        run.forget(upgrade, checked)
        checked = run.settle()
    others = [view for view in environments if view not in ours]
    said = set(_said(checked)).union(*(_of_others(view, paths, region, before) for view in others))
    is_of_nobody = all(_is_spare(view) for view in ours)
    if is_of_nobody:
        said.update(_of_nobody(others, account))
    texts = {name: text for one in checked for name, text in one.checked.texts.items()}
    has_errors = any(d.is_error for d in said)
    contexts = _contexts(made, whole=not paths and not has_errors, keeps_all=has_errors)
    contexts = dict(before.contexts) if is_of_nobody else contexts
    uses = frozenset(name for one in checked for name in one.checked.uses)
    return Locked(contexts, tuple(sorted(said)), texts, uses, _not_found(made))


def _wanted(context: Context) -> Iterator[Fact]:
    """Yield requested facts that are not known; models by name before those by ARN."""
    for fact in sorted(context.asked, key=lambda f: (f[1].startswith("arn:"), f)):
        if context.find(fact) is None and fact not in context.reasons:
            yield fact


def _keep(context: Context, fact: Fact, answer: Any) -> None:
    """Store an answer in the draft; two versions of one model conflict, because the lock keeps one for each name."""
    section = fact[0]
    facts: Any = context.facts
    reasons: Any = context.reasons
    name = fact[1]
    if isinstance(answer, lookup.Named):
        name, answer = answer.name, answer.fact
    kept = kept_as((section, name))
    others = [f for f in context.asked if f != fact and f[0] == section and kept_as(f) == kept]
    if isinstance(answer, Reason):
        reasons[fact] = answer
    elif section in lookup.SINGLE:
        facts[section] = answer
    elif section == "hub_models" and any(context.find(other) is not None for other in others):
        has = context.facts[section][kept]["arn"]
        reasons[fact] = Reason(f"the lock has one {kept} only, and other specs use {has}", "use one everywhere")
    else:
        facts.setdefault(section, {})[kept] = answer


def _drop(context: Context, fact: Fact) -> None:
    facts: Any = context.facts
    if fact[0] in lookup.SINGLE:
        facts.pop(fact[0], None)
    else:
        facts.get(fact[0], {}).pop(context.key(fact), None)


def _said(checked: Iterable[Compilation]) -> Iterator[Diagnostic]:
    """Yield the diagnostics of facts and specs; those that prevent nothing become warnings."""
    for one in checked:
        spare = _is_spare(one.checked.settings)
        for diagnostic in one.diagnostics:
            if diagnostic.rule == _UNUSABLE or (spare and diagnostic.rule == "refused-fact"):
                yield replace(diagnostic, severity="warning")
            elif not spare and (diagnostic.is_error or diagnostic.rule in _OF_FACTS):
                yield diagnostic


def _is_spare(view: Settings) -> bool:
    """Return whether a project with environments is checked without one, where it need not be valid."""
    return view.environment is None and bool(view.project.environments())


def _of_others(settings: Settings, paths: Sequence[Path], region: str | None, before: Lock) -> Iterator[Diagnostic]:
    """Yield what an environment of another account lacks; only that account's credentials can look it up."""
    checked = workspace.check(settings, paths, region, before)
    missing = {d.message for d in checked.diagnostics if d.rule == "missing-fact" and d.is_error}
    if not missing:
        return
    name = settings.environment or "the project"
    message = f"{name} needs a lock from credentials of account {settings.account}: {sorted(missing)[0]}"
    message += f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    yield from _at_account(settings, Problem("missing-fact", message, severity="warning"))


def _of_nobody(others: Sequence[Settings], account: str) -> Iterator[Diagnostic]:
    """Report credentials of an account in which nothing of the project runs."""
    message = f"the credentials are of account {account}, in which nothing of this project runs"
    hint = f"sign in to {' or '.join(sorted({f'account {view.account}' for view in others}))}"
    yield from _at_account(others[0], Problem("missing-fact", message, hint=hint))


def _at_account(settings: Settings, problem: Problem) -> Iterator[Diagnostic]:
    """Locate a problem where the project file gives the account: of the environment, else of all."""
    source_of_project = settings.project.source
    if source_of_project is not None:  # only a project file gives an account
        own = ("environments", settings.environment or "", "defaults", "account")
        path = own if source.get(source_of_project.data, own) else ("defaults", "account")
        yield source_of_project.locate(replace(problem, path=path))


def _not_found(made: _Draft) -> tuple[str, ...]:
    facts = {
        fact
        for context in made.drafts.values()
        for fact in context.reasons
        if fact in context.asked and not context.is_known_otherwise(fact)
    }
    return tuple(sorted("/".join(fact).rstrip("/") for fact in facts))


def _contexts(made: _Draft, *, whole: bool, keeps_all: bool) -> dict[str, Mapping[str, Any]]:
    """Return all contexts; unused facts of the caller's account are dropped when the whole project was checked.

    A new context without any fact is left out.
    """
    kept = {k: c for k, c in made.contexts.items() if not whole or not k.startswith(f"{made.account}/")}
    drafts = {k: _pruned(c, made.contexts.get(k, {}), whole, keeps_all) for k, c in made.drafts.items()}
    useful = {k: c for k, c in drafts.items() if k in made.contexts or any(c[s] for s in lookup.SOURCES)}
    return kept | (useful if keeps_all else drafts)


def _pruned(context: Context, before: Mapping[str, Any], whole: bool, keeps_all: bool) -> dict[str, Any]:
    """Return the requested facts, and those of the existing ones that are kept.

    Kept is what AWS refused to look up and, where only a part of the project was checked, what was not asked for.
    With `keeps_all` nothing is dropped.
    """
    pruned: dict[str, Any] = {"account": context.account, "region": context.region, "partition": context.partition}
    refused = {fact for fact, reason in context.reasons.items() if reason.refused}
    known = {fact for fact in context.asked if context.find(fact) is not None}
    for section in sorted(lookup.SOURCES):
        asked, stays, has = (_names(context, section, facts) for facts in (context.asked, refused, known))
        facts, old = context.facts.get(section), before.get(section)
        if section in lookup.SINGLE:
            pruned[section] = facts if has else old if keeps_all or stays or not (whole or asked) else None
        else:
            kept = {
                n: fact for n, fact in (old or {}).items() if keeps_all or n in stays or not (whole or n in asked)
            }
            pruned[section] = kept | {n: fact for n, fact in (facts or {}).items() if n in has}
    return pruned


def _names(context: Context, section: str, facts: Iterable[Fact]) -> set[str]:
    return {context.key(fact) for fact in facts if fact[0] == section}
