"""What is said of captures that nobody here made, beside texts that were reviewed with tshark and
tcptrace.

The captures are public and not ours to hand on: ``TCPEXP_CAPTURES`` names a folder that has them.
The texts' names are those of the captures.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.described import described
from tests.support.reviewed import assert_reviewed

GOLDEN = Path(__file__).parent / "golden"
CAPTURES = Path(os.environ.get("TCPEXP_CAPTURES", "no-folder-named"))
FILES = sorted(path for path in CAPTURES.glob("*") if path.suffix in (".pcap", ".pcapng", ".dmp"))
pytestmark = pytest.mark.skipif(not FILES, reason="TCPEXP_CAPTURES names no folder with captures")


@pytest.mark.parametrize("capture", FILES, ids=lambda path: path.name)
def test_what_is_said_was_reviewed(capture: Path) -> None:
    assert_reviewed(described(capture), GOLDEN / f"{capture.name}.txt")


def test_each_text_belongs_to_a_capture() -> None:
    assert {path.name.removesuffix(".txt") for path in GOLDEN.glob("*.txt")} == {
        path.name for path in FILES
    }
