"""``aezoo completion``: the script that makes a shell complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from aezoo.cli import COMPLETE


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete aezoo's commands, options and names.

    \b
    bash   eval "$(aezoo completion bash)"           in ~/.bashrc
    zsh    eval "$(aezoo completion zsh)"            in ~/.zshrc
    fish   aezoo completion fish > ~/.config/fish/completions/aezoo.fish
    """
    completion = get_completion_class(shell)
    assert completion is not None  # click brings these three
    click.echo(completion(ctx.find_root().command, {}, "aezoo", COMPLETE).source())
