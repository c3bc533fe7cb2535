"""The entry point: gathers the commands, and turns every error into a message and an exit code."""

from __future__ import annotations

import os
import sys

import click

from tcpexp import __version__
from tcpexp.cli import catalogue, completion, diff, grade, guest, kernel, machine, records, run, specs, sweep, tcp
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


@click.group(context_settings=CONTEXT, epilog=EPILOG)
@click.version_option(__version__, prog_name="tcpexp")
def cli() -> None:
    """Run TCP experiments that anyone can repeat.

    A YAML file says what network to build, what happens to it and when, what to record and what to expect. tcpexp builds
    it, runs it on the kernel's own TCP, and writes a report with figures and verdicts.
    """


for command in (
    run.run,
    sweep.sweep,
    specs.validate,
    specs.plan,
    catalogue.list_,
    catalogue.describe,
    specs.schema,
    records.check,
    records.report,
    diff.diff,
    grade.grade,
    machine.doctor,
    machine.clean,
    guest.guest,
    kernel.kernel,
    tcp.tcp,
    completion.completion,
):
    cli.add_command(command)


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
