"""`sagespec completion`: what a shell needs to complete sagespec's command lines."""

from __future__ import annotations

import click

from sagespec.cli import exits, output

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print a script by which SHELL completes commands, options, addresses and more."""
    from click.shell_completion import get_completion_class

    from sagespec.cli.program import cli

    made = get_completion_class(shell)
    assert made is not None
    output.document(made(cli, {}, "sagespec", "_SAGESPEC_COMPLETE").source())
    return exits.DONE
