"""The entry point: knows the commands, and turns every error into a message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys

import click

from tcpexp import __version__
from tcpexp.cli.errors import print_crash, print_error
from tcpexp.errors import TcpexpError

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


#: The commands, and where each is. A module is imported when its command, or the list of all, is
#: asked for.
COMMANDS = {
    "run": "tcpexp.cli.run:run",
    "sweep": "tcpexp.cli.sweep:sweep",
    "validate": "tcpexp.cli.specs:validate",
    "plan": "tcpexp.cli.specs:plan",
    "list": "tcpexp.cli.catalogue:list_",
    "describe": "tcpexp.cli.catalogue:describe",
    "schema": "tcpexp.cli.specs:schema",
    "check": "tcpexp.cli.records:check",
    "report": "tcpexp.cli.records:report",
    "diff": "tcpexp.cli.diff:diff",
    "grade": "tcpexp.cli.grade:grade",
    "docs": "tcpexp.cli.docs:docs",
    "doctor": "tcpexp.cli.machine:doctor",
    "clean": "tcpexp.cli.machine:clean",
    "guest": "tcpexp.cli.guest:guest",
    "kernel": "tcpexp.cli.kernel:kernel",
    "tcp": "tcpexp.cli.tcp:tcp",
    "completion": "tcpexp.cli.completion:completion",
}


#: Commands that import polars, which some processors cannot.
ANALYSES = frozenset({"run", "sweep", "check", "report", "diff", "grade"})


class Commands(click.Group):
    """The group of all commands; each is imported by need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return sorted({*COMMANDS, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None when there is none of that name."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            module, _, attribute = COMMANDS[cmd_name].partition(":")
            self.add_command(getattr(importlib.import_module(module), attribute), cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a name that is none all are imported, so that the right one is
        suggested.
        """
        if args and args[0] not in COMMANDS:
            for name in COMMANDS:
                self.get_command(ctx, name)
        if args and args[0] in ANALYSES and not {"-h", "--help"} & set(args):
            from tcpexp.machine.processor import require_polars

            require_polars()
        return super().resolve_command(ctx, args)


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
