"""What killed runs and builds left behind, in every kind of place.

Only what tcpexp made and nobody uses any more is removed.
"""

from __future__ import annotations

import os
from pathlib import Path

from tcpexp.places import journal
from tcpexp.places.registry import all_kinds


def remove_leftovers() -> list[str]:
    """Remove the leftovers that this user may remove; return what was removed, in words."""
    removed = [words for kind in all_kinds() for words in kind.leftovers()]
    return list(dict.fromkeys(removed))


def needs_root(state_dir: Path = journal.STATE_DIR) -> bool:
    """Return whether host runs may have left something that this user may not remove."""
    return os.geteuid() != 0 and any(state_dir.glob("run-*.json"))
