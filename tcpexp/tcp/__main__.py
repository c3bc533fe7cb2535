"""The commands without anything but the standard library: ``python -m tcpexp.tcp
serve|get|calc|dns|source|sink``. ``tcpexp tcp`` is the same.
"""

from __future__ import annotations

import argparse
import sys

from tcpexp.tcp.services.options import COMMANDS
from tcpexp.tcp.services.program import ERRORS, Program, explain, settings_of


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m tcpexp.tcp", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS.values():
        own = commands.add_parser(command.name, help=command.help, description=command.help)
        for name, several in command.arguments:
            own.add_argument(name, nargs="+" if several else None, metavar=name.upper())
        for option in command.options:
            words = option.help.replace("%", "%%")
            if option.kind is None:
                own.add_argument(f"--{option.name}", action="store_true", help=words)
            else:
                own.add_argument(
                    f"--{option.name}",
                    action="append" if option.many else "store",
                    metavar=option.metavar,
                    help=words,
                )
    return parser


def main() -> int:
    """Run a command and return its exit status; an error is a line on standard error."""
    given = vars(make_parser().parse_args())
    try:
        return Program(given["command"], settings_of(given["command"], given)).run()
    except KeyboardInterrupt:
        return 130
    except ERRORS as error:
        status, message, hint = explain(error)
        sys.stderr.write(f"{message}\n" + (f"  {hint}\n" if hint else ""))
        return status


if __name__ == "__main__":
    sys.exit(main())
