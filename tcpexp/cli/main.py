"""The entry point: knows the commands, and turns every error into a message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem

from tcpexp import __version__
from tcpexp.cli.errors import print_crash, print_error
from tcpexp.errors import TcpexpError
from tcpexp.machine.processor import require_polars

EPILOG = """\b
Examples:
  tcpexp run experiments/bbr_vs_cubic.yaml     in the guest, without root
  sudo tcpexp run synack_drop --on host        on this machine's own kernel
  tcpexp validate my_experiment.yaml           errors as file:line:column
  tcpexp doctor                                what this machine can do

\b
Exit codes: 0 all well, 1 a check failed, 2 the spec or the command line is
wrong, 3 this machine lacks something, 4 the run failed, 5 recorded data is
damaged.
"""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Late(NamedTuple):
    """A command that is imported when it is asked for: ``module:name``, and its help's first
    sentence.
    """

    target: str
    about: str


#: The commands. The list of all of them needs no import. A command's module is imported for its
#: help and for completion too, so it imports libraries (models, tables) where it does its work.
COMMANDS = {
    "run": Late("tcpexp.cli.run:run", "Run experiments and write their reports."),
    "sweep": Late(
        "tcpexp.cli.sweep:sweep", "Make every run of a spec's sweep, and one study of them."
    ),
    "evaluate": Late(
        "tcpexp.cli.evaluate:evaluate",
        "Evaluate a congestion control as RFC 9743 asks.",
    ),
    "validate": Late(
        "tcpexp.cli.specs:validate", "Check specs and print every error as file:line:column."
    ),
    "plan": Late(
        "tcpexp.cli.specs:plan", "Show what a run would do: network, timeline, records, needs."
    ),
    "list": Late("tcpexp.cli.catalogue:list_", "List what there is to use, or recorded runs."),
    "describe": Late("tcpexp.cli.catalogue:describe", "Describe one thing that a spec can use."),
    "schema": Late("tcpexp.cli.specs:schema", "Print the JSON Schema of specs, for editors."),
    "check": Late("tcpexp.cli.records:check", "Verify recorded runs and judge them again."),
    "explain": Late(
        "tcpexp.cli.explain:explain", "Explain captures: what happened, and what limited it."
    ),
    "packetdrill": Late(
        "tcpexp.cli.packetdrill:packetdrill", "Play packetdrill's scripts on a virtual clock."
    ),
    "report": Late("tcpexp.cli.records:report", "Make reports again from recorded data."),
    "export": Late("tcpexp.cli.export:export", "Write recorded runs as CSV, Parquet or qlog."),
    "diff": Late("tcpexp.cli.diff:diff", "Compare two recorded runs, or more."),
    "grade": Late("tcpexp.cli.grade:grade", "Grade many submissions by a rubric of checks."),
    "lab": Late("tcpexp.cli.lab:lab", "Turn knobs in the browser and see TCP answer."),
    "docs": Late("tcpexp.cli.docs:docs", "Show the pages of the documentation, or one of them."),
    "doctor": Late("tcpexp.cli.machine:doctor", "Say what this machine can and cannot do."),
    "clean": Late(
        "tcpexp.cli.machine:clean", "Remove what killed runs left behind, and only that."
    ),
    "guest": Late("tcpexp.cli.guest:guest", "Build, look at and enter the guest."),
    "kernel": Late("tcpexp.cli.kernel:kernel", "Build, choose and hand on kernels."),
    "new": Late("tcpexp.cli.new:new", "Begin something of your own, from a template that works."),
    "tcp": Late("tcpexp.cli.tcp:tcp", "Programs of the TCP in user space."),
    "completion": Late(
        "tcpexp.cli.completion:completion", "Print the completion script for a shell."
    ),
}


#: Commands that import polars, which some processors cannot.
ANALYSES = frozenset(
    {"lab", "run", "sweep", "evaluate", "check", "explain", "report", "export", "diff", "grade"}
)


class Commands(click.Group):
    """The group of all commands; each is imported by need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return sorted({*COMMANDS, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None when there is none of that name."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            module, _, attribute = COMMANDS[cmd_name].target.partition(":")
            self.add_command(getattr(importlib.import_module(module), attribute), cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a name that is none the right one is suggested."""
        if args[0] not in self.list_commands(ctx):
            return listed_commands().resolve_command(ctx, args)
        if args[0] in ANALYSES and not {"-h", "--help"} & set(args):
            require_polars()
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of all commands."""
        listed_commands().format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin so."""
        commands = [
            CompletionItem(name, help=command.get_short_help_str())
            for name, command in listed_commands().commands.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


def listed_commands() -> click.Group:
    """Return a group whose commands have a name and a sentence, and do nothing."""
    return click.Group(
        commands=[click.Command(name, help=COMMANDS[name].about) for name in sorted(COMMANDS)]
    )


@click.group(cls=Commands, context_settings=CONTEXT, epilog=EPILOG)
@click.version_option(__version__, prog_name="tcpexp")
def cli() -> None:
    """Run TCP experiments that anyone can repeat.

    A YAML file says what network to build, what happens to it and when, what to record and what to
    expect. tcpexp builds it, runs it on the kernel's own TCP, and writes a report with figures and
    verdicts.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; no error leaves as a traceback."""
    try:
        result = cli.main(args=arguments, prog_name="tcpexp", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except TcpexpError as error:
        print_error(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("aborted", err=True)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        print_crash(error)
        return 4


if __name__ == "__main__":
    sys.exit(main())
