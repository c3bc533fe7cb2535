"""What the command line says about the choice of a place."""

from __future__ import annotations

from tcpexp.places.registry import all_kinds, kinds_with_kernels, names_of


def on_help() -> str:
    """Return the help of ``--on``."""
    guests = [kind for kind in all_kinds() if not kind.needs_root]
    others = [kind for kind in all_kinds() if kind.needs_root]
    names = names_of(guests, "and")
    root = "".join(f", {kind.name} is {kind.what} (root)" for kind in others)
    return (
        f"Where: {names} need no root{root}. guest: the better of {names}; auto: the first of all"
        " that works."
    )


def clock_help() -> str:
    """Return the help of ``--clock``."""
    also = names_of([kind for kind in all_kinds() if kind.clocks == ("virtual", "real")], "and")
    only = names_of([kind for kind in all_kinds() if kind.clocks == ("real",)], "and the")
    return f"virtual unless given; {also} also offers the real one, the {only} has no other."


def kernel_help() -> str:
    """Return the help of ``--kernel``."""
    names = names_of(kinds_with_kernels())
    return (
        f"The kernel of --on {names}: a name of 'tcpexp kernel list', or the beginning of a hash."
    )
