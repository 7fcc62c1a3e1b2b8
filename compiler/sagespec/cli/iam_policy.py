"""`sagespec iam-policy`: print the least permissions that a command, a job or an agent needs for compiled files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import click

from sagespec.cli import completing, exits, options, output, session
from sagespec.cli.session import Session
from sagespec.compiling import source_map
from sagespec.compiling.source_map import Sources
from sagespec.diagnostics import Problem
from sagespec.executor import role_check
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.runs import finding
from sagespec.review import iam_policies, permissions
from sagespec.review.iam_policies import Policy, Statement
from sagespec.review.permissions import Granted
from sagespec.sagemaker.permissions import Origin, Unlisted


@click.command("iam-policy")
@click.argument(
    "targets", metavar="[ADDRESS|PATH]...", nargs=-1, shell_complete=completing.offering(completing.addresses, "file")
)
@session.opened
@click.option(
    "--for",
    "purpose",
    type=click.Choice([*permissions.OF_CALLER, *permissions.OF_ROLES]),
    required=True,
    help="Who needs it: whoever runs that command (track: status to delete), the role of jobs, the role of agents.",
)
@options.forms("json", "terraform", "trust")
@click.option("--explain", is_flag=True, help="Print each statement with the specs and lines that need it.")
@click.option("--check-role", is_flag=True, help="Ask IAM whether the roles have them; exit 1 where one has not.")
def command(
    opened: Session,
    targets: tuple[str, ...],
    purpose: permissions.Purpose,
    form: str,
    explain: bool,
    check_role: bool,
) -> int:
    """Print the IAM policies that compiled files need. Without targets, those of the environment."""
    if check_role and purpose not in permissions.OF_ROLES:
        raise click.UsageError(f"--check-role is for {_OF_ROLES}: which role runs {purpose} is not known here")
    if check_role and (explain or form != "json"):
        raise click.UsageError("--check-role prints what is lacking, and nothing with --explain or -o")
    with session.trouble():
        files, known = opened.chosen(targets)
    contexts = (opened.lock or {}).get("contexts", {})
    try:
        granted = list(permissions.find(purpose, files, known, contexts))
    except Unlisted as error:
        raise exits.Stop(str(error), exits.INVALID) from None
    name = "-".join(filter(None, ("sagespec", opened.project.name, opened.environment, purpose)))
    policies = _policies(granted, name)
    if check_role:
        with session.trouble():
            return _check(opened, policies, purpose, files, known)
    if explain:
        _explain(policies, known, opened)
    elif form == "trust":
        _show_trust(purpose, files)
    elif form == "terraform":
        output.document(iam_policies.terraform(policies))
    else:
        output.document(json.dumps({"policies": [_entry(policy) for policy in policies]}, indent=2) + "\n")
    return exits.DONE


_OF_ROLES = " and ".join(permissions.OF_ROLES)


def _check(
    opened: Session,
    policies: Iterable[Policy],
    purpose: permissions.Purpose,
    files: list[File],
    known: Mapping[str, File],
) -> int:
    """Print what roles lack of what they need, and of who has to be able to assume them."""
    cloud = opened.regional
    finding.check_account(cloud, files)
    sources = Sources([file.content for file in known.values()], Path.cwd(), opened.project_file)
    statements: dict[str, list[Statement]] = {}
    for policy in policies:
        statements.setdefault(policy.role, []).extend(policy.statements)
    trusted = permissions.trusted(purpose, files)
    unknown = sorted({*statements} - {role for role, _ in trusted})
    failed = False
    for role, account in sorted(trusted):
        if f":{account}:role/" not in role:
            unknown.append(role)
            continue
        lacks = [*_lacks(cloud, role, account, trusted[role, account], statements.get(role, []), known, sources)]
        failed |= bool(lacks)
        output.result(f"{role}: {'lacks what it needs' if lacks else 'has all that it needs'}")
        output.result(*(f"  {line}" for line in lacks))
    for role in unknown:
        output.result(f"{role}: not checked, since it is not a role of this account")
    return exits.INVALID if failed else exits.DONE


def _lacks(
    cloud: Cloud,
    role: str,
    account: str,
    by: Mapping[str, list[str]],
    needed: list[Statement],
    known: Mapping[str, File],
    sources: Sources,
) -> Iterator[str]:
    """Yield lines: what a role lacks, each with the specs and lines that need it."""
    untrusted = role_check.untrusted(cloud, role, account, by)
    if untrusted is None:
        yield "there is no such role"
        return
    for service, actions in untrusted.items():
        yield f"its trust policy does not let {service} call {' and '.join(actions)}"
    wanted = [role_check.Wanted(one.actions, one.resources, one.conditions) for one in needed]
    for lack in dict.fromkeys(role_check.lacking(cloud, role, wanted)):
        yield f"{'denied' if lack.is_denied else 'not allowed'}: {lack.action} on {lack.resource}"
        places = (_place(origin, known, sources) for origin in needed[lack.wanted].origins)
        yield from (f"  for {place}" for place in dict.fromkeys(places))


def _show_trust(purpose: permissions.Purpose, files: list[File]) -> None:
    """Print the trust policies of the roles that files pass, by role.

    A role has one trust policy, so that it is printed whole: with the services of other purposes, too.
    """
    if purpose not in permissions.OF_ROLES:
        raise click.UsageError(f"-o trust is for {_OF_ROLES}: nobody assumes what {purpose} runs as")
    every = [permissions.trusted(other, files) for other in permissions.OF_ROLES]
    entries = []
    for role, account in permissions.trusted(purpose, files):
        by = {service: called for one in every for service, called in one.get((role, account), {}).items()}
        entries.append({"role": role, "document": iam_policies.trust(account, by)})
    output.document(json.dumps({"policies": entries}, indent=2) + "\n")


def _explain(policies: Iterable[Policy], known: Mapping[str, File], opened: Session) -> None:
    """Print each statement, and what needs it: specs with their lines, or facts of the lock."""
    sources = Sources([file.content for file in known.values()], Path.cwd(), opened.project_file)
    for policy in policies:
        output.result(f"{policy.name}{f' for {policy.role}' if policy.role else ''}")
        for statement in policy.statements:
            output.result(f"  {', '.join(statement.actions)}")
            output.result(*(f"    on {resource}" for resource in statement.resources))
            output.result(*(f"    if {one.key} is {one.value}" for one in statement.conditions))
            needed = (_place(origin, known, sources) for origin in statement.origins)
            output.result(*(f"    for {place}" for place in dict.fromkeys(needed)))


def _place(origin: Origin, known: Mapping[str, File], sources: Sources) -> str:
    """Return what needs a grant: a line of a spec where a field names the resource, else the spec or the fact."""
    file = known.get(origin.address)
    if file is None:
        return origin.address or "the command itself"
    for path in origin.paths:
        found = source_map.locate(file.content, origin.request, path, Problem("aws", ""), sources)
        if found is not None:
            return f"{origin.address} ({found.file}:{found.line})"
    return origin.address


def _policies(granted: list[Granted], name: str) -> list[Policy]:
    """Return the policies of each role, sorted by role."""
    roles = sorted({one.role for one in granted})
    return [
        policy
        for role in roles
        for policy in iam_policies.write(
            (one.grant for one in granted if one.role == role),
            "-".join(filter(None, (name, role.rpartition("/")[2]))),
            role,
        )
    ]


def _entry(policy: Policy) -> dict[str, object]:
    role = {"role": policy.role} if policy.role else {}
    return {"name": policy.name, **role, "document": policy.document()}
