"""The table of packetdrill's suites: each script is counted in one column, on the page between its
marks, beside what the kernel makes of the same scripts.
"""

from __future__ import annotations

import json
from pathlib import Path

import packetdrill_suites as suites
import pytest

from tests.support.drills import SERVER

LONG = SERVER + "+0 write(4, ..., 8000) = 8000\n+0 > P. 1:8001(8000) ack 1\n"
SCRIPTS = {
    "a/plain.pkt": SERVER.replace("<...>", "<mss 1460>", 1).replace(
        ",sackOK,nop,nop,nop,wscale 7", ""
    ),
    "a/ten.pkt": LONG,
    "a/wrong.pkt": SERVER.replace("ack 1 <...>", "ack 2 <...>"),
    "b/wrong.pkt": SERVER + "+0 write(4, ..., 10) = 9\n",
    "b/cork.pkt": SERVER + "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0\n",
    "b/oob.pkt": SERVER + "+0 recv(4, ..., 5, MSG_OOB) = 5\n",
    "b/none.pkt": "s" + SERVER,
}
VERDICTS = {
    "a/plain.pkt": "agrees",
    "a/ten.pkt": "agrees by constants",
    "a/wrong.pkt": "disagrees",
    "b/wrong.pkt": "disagrees",
    "b/cork.pkt": "not plain",
    "b/oob.pkt": "not played",
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[suites.Row]:
    folder = tmp_path_factory.mktemp("suite")
    for name, text in SCRIPTS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("--ip_version=ipv4\n" + text if name != "b/none.pkt" else text)
    return suites.play_suites([("made up", folder)], constants=False, jobs=1)


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """What the kernel made of them: one of two scripts with the same name disagrees."""
    others = [
        {"script": script, "ip": "ipv4", "line": 8, "verdict": verdict, "words": words}
        for script, verdict, words in (
            ("a/wrong.pkt", "disagrees", "live packet field tcp_ack_seq: expected: 2 vs actual: 1"),
            ("b/cork.pkt", "broken", "Traceback: oh"),
        )
    ]
    counts = {"agrees": 4, "disagrees": 1, "broken": 1}
    facts = {"kernel": "Linux 0", "scripts": 6, "plays": 6, "counts": counts, "others": others}
    path = tmp_path / "kernel.json"
    path.write_text(json.dumps(facts))
    return path


def test_each_script_has_one_verdict(rows: list[suites.Row]) -> None:
    assert {row.script: row.verdict for row in rows if row.version} == VERDICTS
    (no_script,) = [row for row in rows if not row.version]
    assert (no_script.verdict, no_script.words[:13]) == ("no script", "b/none.pkt:1:")


def test_the_tables_count_them(rows: list[suites.Row], kernel: Path) -> None:
    files = [("made up", kernel)]
    suites.mark_kernels(rows, files)
    facts = suites.facts_of(rows, files)
    assert "| made up | IPv4 | 6 | 5 | 4 | 1 | 1 | 2 | 1 |" in facts["counts"]
    assert "| made up | 80.0 % | 50.0 % | 75.0 % |" in facts["shares"]
    assert "| recv() with MSG_OOB | 1 |" in facts["not played"]
    wrong = "\n".join(facts["disagree"])
    assert "`made up: a/wrong.pkt:8` | tcp_ack_seq: expected: 2 vs actual: 1 | ipv4 | dis" in wrong
    assert "`made up: b/wrong.pkt:11` | Expected result 9 but got 10 | ipv4 |  |" in wrong
    assert "| made up | Linux 0 | 6 | 6 | 4 | 1 | 1 | 0 | 5 | 1 |" in facts["kernel"]
    assert "| broken | the player failed | 1 |" in facts["kernel"]


def test_what_is_computed_stands_between_its_marks(rows: list[suites.Row], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- counts -->\nold\n<!-- end -->\nbetween\n<!-- end -->\n")
    facts = suites.facts_of(rows, [])
    suites.write_page(page, facts)
    once = page.read_text()
    assert once.startswith("before\n<!-- counts -->\n| suite | over |")
    assert once.endswith("<!-- end -->\nbetween\n<!-- end -->\n")
    assert "old" not in once
    suites.write_page(page, facts)
    assert page.read_text() == once
