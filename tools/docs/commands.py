"""The page of commands, made from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

HEAD = """# Commands

Made from the commands themselves by `python -m tools.docs`;
`tcpexp COMMAND --help` prints the same.

| exit code | meaning |
|---|---|
| 0 | all well |
| 1 | a check failed |
| 2 | the spec or the command line is wrong |
| 3 | this machine lacks something |
| 4 | the run failed, or was interrupted |
| 5 | recorded data is damaged |

Errors go to standard error as `error:` with what is wrong and `hint:` with what would be right;
those of a spec begin with `file:line:column:`. A command aborted by a second Ctrl-C ends with 130.
"""


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below ``command`` with its whole name, in the order of the help."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from commands(found, f"{name} {each}")
    else:
        yield name, command


def section(name: str, command: click.Command) -> str:
    """Return one command's section: what it does, its usage, its options, its examples."""
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    parts = [f"## {name}", f"```\n{usage}\n```", text]
    rows = [
        row
        for parameter in command.get_params(context)
        if (row := parameter.get_help_record(context))
    ]
    rows = [row for row in rows if row[1] and not row[0].endswith("--help")]
    if rows:
        parts.append(
            "\n".join(
                [
                    "| option | |",
                    "|---|---|",
                    *(f"| `{_cell(option)}` | {_cell(about)} |" for option, about in rows),
                ]
            )
        )
    if command.epilog:
        parts += [
            f"```\n{block.strip()}\n```" for block in command.epilog.split("\b\n") if block.strip()
        ]
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def page() -> str:
    """Return the whole page."""
    from tcpexp.cli.main import cli

    return "\n".join(
        [HEAD, *(section(name, command) + "\n" for name, command in commands(cli, "tcpexp"))]
    )
