"""Libraries that take long to import, and are imported when they are first used.

A check or a plot is a model that ``tcpexp validate`` reads and an evaluation that reads tables.
The first must not wait for the libraries of the second, so a module writes

    from tcpexp.late import polars as pl

at its top and pays for the import where it first uses ``pl``.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["numpy", "polars"]


class LateModule(ModuleType):
    """Stands for a module: its first attribute that is asked for imports it.

    Attributes are kept here once they were asked for. ``sys.modules`` holds the real module only,
    and only from then on; the import takes Python's own lock, so threads may share one of these.
    """

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)
        return value


if TYPE_CHECKING:
    import numpy
    import polars
else:
    numpy, polars = LateModule("numpy"), LateModule("polars")
