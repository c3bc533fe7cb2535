"""This machine's own kernel, as a kind of place."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

from tcpexp.errors import HostError, Missing, SpecError
from tcpexp.machine.findings import Finding
from tcpexp.places.base import Clock, Place, Wanted
from tcpexp.telling import Say


class HostKind:
    """Mininet on this machine's kernel, in namespaces of its own; needs root."""

    name = "host"
    title = "Host (as root)"
    words = "on this machine"
    clocks: tuple[Clock, ...] = ("real",)
    needs_root = True

    def missing(self) -> tuple[Missing, ...]:
        """Return that this is not root."""
        from tcpexp.places.needs import missing_root

        return () if os.geteuid() == 0 else missing_root()

    def open(self, wanted: Wanted, say: Say) -> Place:
        """Return the host. Raises ``SpecError`` when a kernel is asked for."""
        from tcpexp.places.host import HostPlace

        if wanted.kernel is not None:
            raise SpecError(
                "the host has its own kernel only", hint="leave --kernel out, or use --on uml"
            )
        return HostPlace()

    def identity(self, wanted: Wanted) -> dict[str, str]:
        """Return nothing: a run in real time is never the same again."""
        return {}

    def slot(self) -> AbstractContextManager[int]:
        """Hold the number k of a subnet 10.k.0.0/16 that no other run on this machine has."""
        from tcpexp.places.journal import acquire_slot

        return acquire_slot()

    def examine(self, say: Say) -> list[Finding]:
        """Return what the host lacks, and which of the shipped experiments it can run."""
        from tcpexp.places.hostexamine import examine_host

        return examine_host()

    def leftovers(self) -> list[str]:
        """Remove folders and trace instances of killed runs; only root may."""
        from tcpexp.places import journal

        if os.geteuid() != 0:
            return []
        try:
            return journal.clean_leftovers()
        except HostError:
            return []


HOST = HostKind()
