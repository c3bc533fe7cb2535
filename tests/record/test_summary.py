"""The records that the engine writes: their keys, in the order in which files have them."""

from __future__ import annotations

import sys
from pathlib import Path

import tcpexp.record
from tcpexp.record.lines import EVENT_KEYS


def test_an_events_keys_stand_in_the_order_of_older_files() -> None:
    assert EVENT_KEYS == (
        "planned_ns",
        "lateness_ns",
        "behind_ns",
        "step",
        "action",
        "kind",
        "node",
        "label",
        "argv",
        "pid",
        "status",
        "stopped_by",
        "text",
    )


def test_what_ships_to_guests_imports_the_standard_library_only() -> None:
    allowed = {*sys.stdlib_module_names, "tcpexp"}
    for path in Path(tcpexp.record.__file__).parent.rglob("*.py"):
        for line in path.read_text().splitlines():
            if line.startswith(("import ", "from ")):
                module = line.split()[1]
                assert module.split(".")[0] in allowed, (path.name, line)
                if module.startswith("tcpexp"):
                    assert module.startswith(("tcpexp.record", "tcpexp.errors")), (path.name, line)
