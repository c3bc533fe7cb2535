"""``new``: begin something of one's own from a template."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def new() -> None:
    """Begin something of your own, from a template that works."""


@new.command(
    name="congestion-control",
    epilog="""\b
Examples:
  tcpexp new congestion-control gentle
  tcpexp run gentle.yaml
  tcpexp run gentle.yaml --set congestion_controls.gentle.parameters.beta=900
  tcpexp lab gentle.yaml
""",
)
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Write there instead of here; made if need be.",
)
@click.option(
    "--bpf",
    is_flag=True,
    help="In BPF (struct_ops) instead of a module, for --on qemu and --on host.",
)
def congestion_control(name: str, folder: Path, bpf: bool) -> None:
    """Write a small congestion control, its spec and its test.

    NAME.c is AIMD(alpha, beta), which compiles for every kernel that tcpexp builds; NAME_trace.h
    has the tracepoint that shows its variables; NAME.yaml runs it, and test_NAME.py says by pytest
    what it must do. The C is under the GPL, version 2, as the kernel is that it becomes a part of.
    """
    from tcpexp.library.templates import check_name, write_congestion_control
    from tcpexp.spec.congestion import CONGESTION_CONTROLS

    check_name(name, frozenset(CONGESTION_CONTROLS))
    for path in write_congestion_control(name, folder, bpf=bpf):
        click.echo(f"wrote {path}")
    spec = folder / f"{name}.yaml"
    click.echo(f"run it: tcpexp run {spec}")
