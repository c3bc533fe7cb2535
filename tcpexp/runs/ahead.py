"""What the steps after a run need is imported while the run lasts, in a thread beside it."""

from __future__ import annotations

import importlib
import threading
from contextlib import suppress
from types import TracebackType

#: In the order in which they are needed.
LATER = (
    "tcpexp.ingest.ingest",
    "tcpexp.analysis.derive",
    "tcpexp.analysis.metrics",
    "tcpexp.analysis.certificate",
    "tcpexp.checks.run",
    "tcpexp.report.page.write",
    "tcpexp.report.terminal",
    "rich.console",
    "rich.table",
)


class Ahead:
    """Imports from :meth:`begin` on; leaving the ``with`` block waits for it."""

    def __init__(self) -> None:
        self._imports: threading.Thread | None = None

    @property
    def begun(self) -> bool:
        """Whether it has begun."""
        return self._imports is not None

    def begin(self) -> None:
        """Begin, unless that was done before."""
        if self._imports is None:
            self._imports = threading.Thread(target=import_later, daemon=True)
            self._imports.start()

    def wait(self) -> None:
        """Wait until everything is imported."""
        if self._imports is not None:
            self._imports.join()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wait()


def import_later() -> None:
    """Import what the steps after a run need, and read the page's template."""
    with suppress(Exception):  # whoever needs the module will say what is wrong with it
        for name in LATER:
            importlib.import_module(name)
        from tcpexp.report.page.write import template

        template()
