"""What is made ready while a run lasts, on the processor that a guest leaves idle: imports, and a second process that draws."""

from __future__ import annotations

import importlib
import os
import threading
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcpexp.plots.helper import DrawingHelper

#: What the steps after a run import, in the order in which they need it.
_LATER = (
    "tcpexp.ingest.ingest", "tcpexp.analysis.certificate", "tcpexp.analysis.derive", "tcpexp.analysis.metrics", "tcpexp.checks.run", "tcpexp.plots.run",
    "tcpexp.report.write", "tcpexp.report.terminal", "rich.console", "rich.table",
)  # fmt: skip


class Ahead:
    """Prepares in the background from :meth:`begin` on; :meth:`close` leaves neither a thread nor a process behind."""

    def __init__(self) -> None:
        self.helper: DrawingHelper | None = None
        self._imports: threading.Thread | None = None

    def begin(self, *, helper: bool) -> None:
        """Start to prepare, unless that was done before; with the second process where there is a second processor."""
        if self.begun:
            return
        if helper and len(os.sched_getaffinity(0)) > 1:
            from tcpexp.plots.helper import DrawingHelper

            with suppress(OSError):  # no process to be had: then all is drawn in this one
                self.helper = DrawingHelper()
                os.setpriority(os.PRIO_PROCESS, self.helper.pid, BACKGROUND_NICE)
        self._imports = threading.Thread(target=_import_all)
        self._imports.start()

    @property
    def begun(self) -> bool:
        """Whether anything is prepared."""
        return self._imports is not None

    def wait(self) -> None:
        """Wait until the imports are done."""
        if self._imports is not None:
            self._imports.join()

    def close(self) -> None:
        """End what works beside this process and wait for the imports."""
        if self.helper is not None:
            self.helper.close()
        self.wait()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


#: The priority (nice) of whatever works beside a guest: the guest has its processor to itself even where a third process would like one.
BACKGROUND_NICE = 19


def _import_all() -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND_NICE)  # of this thread alone
    with suppress(Exception):  # whoever needs the module will say what is wrong with it
        for name in _LATER:
            importlib.import_module(name)
        from tcpexp.plots.warm import warm_up
        from tcpexp.report.write import template

        warm_up()
        template()
