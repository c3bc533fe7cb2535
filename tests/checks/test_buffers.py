"""``held``: bytes that wait in sockets, summed over the sockets of each snapshot."""

from __future__ import annotations

import pydantic
import pytest

from tcpexp.checks import BUILTIN
from tests.support.checked_run import H1, H2, CheckedRun, S

ALL = [t * S for t in range(11)]


def row(t_ns: int, state: str = "estab", port: int = 80, **more: object) -> dict[str, object]:
    return {
        "t_ns": t_ns,
        "node": "h2",
        "state": state,
        "local_address": H2,
        "local_port": port,
        "peer_address": H1,
        "peer_port": 40000,
        **more,
    }


@pytest.fixture
def holding(run: CheckedRun) -> CheckedRun:
    """Two sockets on port 80 hold 1000 bytes each from 2 s to 8 s, one of flow ``one`` on port 81
    holds 50 unread; a listener.
    """
    rows = [row(t, send_q=1000) for t in ALL[2:9]] + [
        row(t, peer_port=40001, send_q=1000, recv_q=7) for t in ALL[2:9]
    ]
    rows += [row(t, port=81, recv_q=50, send_q=0, flow="one") for t in ALL]
    rows += [row(t, "listen", recv_q=2, send_q=128) for t in ALL]
    return run.fill("sockets", rows).snapshots("h2", ALL)


@pytest.mark.parametrize(
    ("given", "result", "measured"),
    [
        # the most at once, without the listener's backlog
        ({"queue": "send", "equals": 2000}, "PASS", "2000 bytes"),
        ({"queue": "send", "at_least": "2001B"}, "FAIL", "2000 bytes"),
        ({"queue": "send", "between": ["2s", "8s"], "equals": 2000}, "PASS", "2000 bytes"),
        (
            {"queue": "send", "between": ["1s", "8s"], "equals": 2000},
            "FAIL",
            "0 bytes to 2000 bytes",
        ),
        ({"queue": "send", "at": "5s", "equals": 2000}, "PASS", "2000 bytes"),
        ({"queue": "send", "at": "0s", "equals": 0}, "PASS", "0 bytes"),
        ({"queue": "send", "port": 81, "equals": 0}, "PASS", "0 bytes"),
        ({"queue": "receive", "at": "5s", "equals": 57}, "PASS", "57 bytes"),
        (
            {"queue": "receive", "flow": "one", "between": ["0s", "10s"], "equals": 50},
            "PASS",
            "50 bytes",
        ),
    ],
)
def test_bytes_that_wait(
    holding: CheckedRun, given: dict[str, object], result: str, measured: str
) -> None:
    verdict = holding.ask("held", host="h2", **given)
    assert (verdict.result, verdict.measured) == (result, measured)


@pytest.mark.parametrize("spoil", ["no table", "a gap", "interrupted", "far away"])
def test_missing_data_pass_nothing(holding: CheckedRun, spoil: str) -> None:
    given: dict[str, object] = {"queue": "send", "at_most": "1MB"}
    if spoil == "no table":
        (holding.path / "tables" / "sockets.parquet").unlink()
    if spoil == "a gap":
        holding.snapshots("h2", [0, 1 * S, 8 * S, 10 * S])
    if spoil == "interrupted":
        holding.says(status="interrupted", end_ns=9 * S)
    if spoil == "far away":
        holding.snapshots("h2", [0, 1 * S])
        given["at"] = "5s"
    assert holding.ask("held", host="h2", **given).result == "INCONCLUSIVE"


@pytest.mark.parametrize("given", [{}, {"at_most": 1, "at": "1s", "between": ["1s", "2s"]}])
def test_questions_that_make_no_sense_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        BUILTIN["held"].model_validate({"host": "h2", "queue": "send", **given})
