"""Where things lie that tests of several rooms need."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
DOCS = ROOT / "docs"
#: Programs that tests start as processes of their own.
PROGRAMS = TESTS / "support" / "programs"
#: What tcpdump, iproute2, tshark and the kernel's trace wrote, with their versions in the names.
RECORDED = TESTS / "ingest" / "data"
