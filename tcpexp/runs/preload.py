"""What a run imports before it is needed: one list, read at two moments.

Python takes about 0.4 s to import what reads, judges and reports a run, which is an eighth of a
short run. A run that waits for its guest imports it meanwhile, in a thread beside it
(:class:`ImportsBeside`). A process that makes many runs imports most of it once and forks a process
for each run (:func:`import_before_fork`).
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

from tcpexp.places.registry import all_kinds

#: Starts threads. A process that has imported it can fork no more.
WITH_THREADS = (
    "polars",
    "numpy",
    "tcpexp.ingest.ingest",
    "tcpexp.runs.pipeline",
)
#: Starts none.
WITHOUT_THREADS = (
    "tcpexp.runs.runner",
    "tcpexp.checks.run",
    "tcpexp.plots.kit.sketch",
    "tcpexp.report.page.write",
    "tcpexp.report.panels.build",
    "tcpexp.report.terminal",
    "rich.console",
    "rich.table",
)


def import_before_fork() -> None:
    """Import what a forked process begins with."""
    all_kinds()
    _import(WITHOUT_THREADS)


class ImportsBeside:
    """Imports everything in a thread from :meth:`begin` on.

    Leaving the ``with`` block waits for the thread.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    @property
    def begun(self) -> bool:
        """Whether it has begun."""
        return self._thread is not None

    def begin(self) -> None:
        """Begin, unless that was done before."""
        if self._thread is None:
            self._thread = threading.Thread(target=import_all, daemon=True)
            self._thread.start()

    def __enter__(self) -> ImportsBeside:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._thread.join()


def import_all() -> None:
    """Import everything, in the order in which the steps after a run need it."""
    _import((*WITH_THREADS, *WITHOUT_THREADS))


def _import(names: Iterable[str]) -> None:
    """Import modules, and read the page's template."""
    with suppress(Exception):  # whoever needs the module will say what is wrong with it
        for name in names:
            importlib.import_module(name)
        importlib.import_module("tcpexp.report.page.write").template()
