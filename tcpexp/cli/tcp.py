"""``tcpexp tcp``: the programs of the user-space TCP.

Their options are data (tcpexp/tcp/services/options.py), here given to click.
"""

from __future__ import annotations

from typing import Any

import click

from tcpexp.errors import HostError, SpecError
from tcpexp.tcp.services.options import COMMANDS, Command, Option

EXAMPLES = {
    "serve": (
        "tcpexp tcp serve --generate big=1MB:1 --zone lab.zone",
        "ip netns exec lab tcpexp tcp serve --tun t0 --address 10.9.0.2 --peer 10.9.0.1/24",
    ),
    "get": (
        "tcpexp tcp get 127.0.0.1 big",
        "tcpexp tcp get 127.0.0.1 big --impair-in loss=5%,delay=20ms,seed=1 --events tcp.jsonl",
    ),
    "calc": ('tcpexp tcp calc 127.0.0.1 1+1 "(2+3)*4"',),
    "dns": ("tcpexp tcp dns 127.0.0.1 www.lab.test --type AAAA",),
    "source": ("tcpexp tcp source 127.0.0.1 --size 1000 --every 5s --count 8",),
    "sink": ("tcpexp tcp sink --read 800 --every 8s --set receive_buffer=4000",),
}


@click.group()
def tcp() -> None:
    """Programs of the TCP in user space.

    They speak over UDP, without privileges, or with --tun as real IP packets to any TCP.
    docs/concepts/tcp.md describes them.
    """


def _option(option: Option) -> click.Option:
    if option.kind is None:
        return click.Option([f"--{option.name}"], is_flag=True, help=option.help)
    default = f" [default: {option.default}]" if option.default else ""
    return click.Option(
        [f"--{option.name}"],
        metavar=option.metavar,
        multiple=option.many,
        help=option.help + default,
    )


def _command(command: Command) -> click.Command:
    def run(**given: Any) -> int:
        from tcpexp.tcp.services.program import (
            ERRORS,
            LACKING,
            REFUSED,
            Program,
            explain,
            settings_of,
        )

        try:
            return Program(command.name, settings_of(command.name, given)).run()
        except ERRORS as error:
            status, message, hint = explain(error)
            if status == REFUSED:
                click.echo(message + (f"\nhint: {hint}" if hint else ""), err=True)
                return REFUSED
            raise (HostError if status == LACKING else SpecError)(
                message, hint=hint or None
            ) from None

    parameters: list[click.Parameter] = [
        click.Argument([name], nargs=-1 if several else 1, required=True)
        for name, several in command.arguments
    ]
    parameters += [_option(option) for option in command.options]
    epilog = "\b\nExamples:\n" + "\n".join(f"  {example}" for example in EXAMPLES[command.name])
    return click.Command(
        command.name, callback=run, params=parameters, help=command.help, epilog=epilog
    )


for _named in COMMANDS.values():
    tcp.add_command(_command(_named))
