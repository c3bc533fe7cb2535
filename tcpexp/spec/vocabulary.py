"""``Vocabulary``: the words that a spec can use, as reading it needs them.

The catalogue (``tcpexp.catalogue``) is one. It stands above this room, so it is handed in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from tcpexp.record.columns import TableSchema
from tcpexp.registry import Registry


class Vocabulary(Protocol):
    """A registry per kind of word, and the plugins beside a spec that add to them.

    ``runs_code`` false: programs beside a spec are refused.
    """

    runs_code: bool
    actions: Registry[Any]
    checks: Registry[Any]
    recorders: Registry[Any]
    plots: Registry[Any]
    topologies: Registry[Any]
    #: Text of each plugin file by its name in the spec.
    plugins: dict[str, str]

    def load_plugin(self, folder: Path, name: str) -> None:
        """Add what the Python file ``name`` beside a spec defines; raises ``SpecError``."""
        ...

    def tables(self) -> dict[str, TableSchema]:
        """Return the tables that recorders bring, by name."""
        ...
