"""This machine's own kernel, as a kind of place."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

from tcpexp.errors import HostError, Missing
from tcpexp.machine.findings import Finding
from tcpexp.places.base import Clock, Place, PlaceKind, Wanted
from tcpexp.places.host import journal
from tcpexp.places.host.examine import examine_host
from tcpexp.places.host.journal import STATE_DIR, acquire_slot
from tcpexp.places.host.needs import missing_root
from tcpexp.places.host.place import HostPlace
from tcpexp.places.registry import refuse_kernel
from tcpexp.telling import Say


class HostKind(PlaceKind):
    """Mininet on this machine's kernel, in namespaces of its own; needs root."""

    name = "host"
    title = "Host (as root)"
    words = "on this machine"
    what = "this machine's own kernel"
    clocks: tuple[Clock, ...] = ("real",)
    needs_root = True

    def missing(self) -> tuple[Missing, ...]:
        """Return that this is not root."""
        return () if os.geteuid() == 0 else missing_root()

    def open(self, wanted: Wanted, say: Say) -> Place:
        """Return the host. Raises ``SpecError`` when a kernel is asked for."""
        refuse_kernel(wanted, "the host has its own kernel only")
        return HostPlace(say=say, allow_modules=wanted.allow_modules)

    def slot(self) -> AbstractContextManager[int]:
        """Hold the number k of a subnet 10.k.0.0/16 that no other run on this machine has."""
        return acquire_slot()

    def examine(self, say: Say) -> list[Finding]:
        """Return what the host lacks, and which of the shipped experiments it can run."""
        return examine_host()

    def leftovers(self) -> list[str]:
        """Remove folders and trace instances of killed runs; only root may."""
        if os.geteuid() != 0:
            return []
        try:
            return journal.clean_leftovers()
        except HostError:
            return []

    def has_leftovers_for_root(self) -> bool:
        """Return whether a journal of a run is there that this user may not remove."""
        return os.geteuid() != 0 and any(STATE_DIR.glob("run-*.json"))


HOST = HostKind()
