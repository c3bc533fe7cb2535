"""``tcpexp completion``: print the script that completes commands in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

EPILOG = """\b
Examples:
  tcpexp completion bash > ~/.local/share/bash-completion/completions/tcpexp
  tcpexp completion zsh > "${fpath[1]}/_tcpexp"
  tcpexp completion fish > ~/.config/fish/completions/tcpexp.fish
"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell."""
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(context.find_root().command, {}, "tcpexp", "_TCPEXP_COMPLETE")
    values = script.source_vars()
    click.echo(script.source_template % values)
