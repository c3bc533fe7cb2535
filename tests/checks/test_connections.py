from __future__ import annotations

import pydantic
import pytest

from tcpexp.checks import BUILTIN
from tests.support.checked_run import CheckedRun, S, packet


@pytest.fixture
def windows(run: CheckedRun) -> CheckedRun:
    """h2 advertises 60000 bytes in its SYN-ACK, then 3000, 1000, 0 and 2000.

    Its RST says 0 and does not count.
    """
    sizes = [("SA", 60_000), ("A", 3_000), ("A", 1_000), ("PA", 0), ("A", 2_000), ("R", 0)]
    rows = [
        packet(number, number * S, "h2", "h1", flags, window_bytes=size)
        for number, (flags, size) in enumerate(sizes, start=1)
    ]
    return run.fill("packets", [*rows, packet(7, 7 * S, window_bytes=500)])


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"reaches": 0}, "PASS"),
        ({"reaches": "1kB", "between": ["1s", "3s"]}, "PASS"),
        ({"reaches": 0, "between": ["1s", "3s"]}, "FAIL"),
        ({"at_most": 3000}, "PASS"),
        ({"at_most": "2999B"}, "FAIL"),
        ({"at_least": 1}, "FAIL"),
        ({"at_least": 1000, "between": ["1s", "3s"]}, "PASS"),
        ({"reaches": 0, "at_most": 2000}, "FAIL"),
        ({"reaches": 0, "port": 80}, "PASS"),
        ({"reaches": 0, "port": 81}, "INCONCLUSIVE"),
        ({"reaches": 0, "between": ["8s", "9s"]}, "INCONCLUSIVE"),
    ],
)
def test_window(windows: CheckedRun, given: dict[str, object], result: str) -> None:
    assert windows.ask("window", from_="h2", **given).result == result


def test_the_packet_with_the_smallest_window_is_named(windows: CheckedRun) -> None:
    verdict = windows.ask("window", from_="h2", reaches=0)
    assert verdict.measured == "0 bytes to 3000 bytes"
    assert (verdict.evidence[0].capture, verdict.evidence[0].packets) == ("h2-eth0", (4,))
    windows.says(captures={"h2-eth0": {"captured": 6, "dropped": 2}})
    assert windows.ask("window", from_="h2", at_most=3000).result == "INCONCLUSIVE"


@pytest.fixture
def labelled(run: CheckedRun) -> CheckedRun:
    """Two zero windows of h2 at h2, one of them seen at h1; out-of-order data only at h2."""
    rows = [packet(number, number * S, "h2", "h1", labels=["zero_window"]) for number in (1, 2)]
    seen = [dict(rows[0], capture="h1-eth0", node="h1")]
    odd = [packet(3, 3 * S, flags="PA", labels=["out_of_order", "keep_alive"], seen_at="h2")]
    same = {
        "from_node": "h2",
        "to_node": "h1",
        "sent_ns": 1 * S,
        "received_ns": 1 * S,
        "sent_capture": "h2-eth0",
        "received_capture": "h1-eth0",
    }
    run.fill(
        "journeys",
        [
            {
                **same,
                "sent_number": rows[0]["number"],
                "received_number": seen[0]["number"],
                "copies": 1,
            }
        ],
    )
    return run.fill("packets", rows + seen + odd)


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"label": "zero_window"}, "PASS"),
        ({"label": "zero_window", "equals": 2}, "PASS"),
        ({"label": "zero_window", "equals": 1, "seen_at": "h1"}, "PASS"),
        ({"label": "zero_window", "from_": "h1"}, "FAIL"),
        ({"label": "zero_window", "between": ["2s", "9s"], "equals": 1}, "PASS"),
        ({"label": "out_of_order"}, "PASS"),
        ({"label": "keep_alive", "at_most": 0}, "FAIL"),
        ({"label": "window_full"}, "FAIL"),
        ({"label": "window_full", "equals": 0}, "PASS"),
        ({"label": "out_of_order", "flow": "one"}, "FAIL"),
    ],
)
def test_labels(labelled: CheckedRun, given: dict[str, object], result: str) -> None:
    assert labelled.ask("labels", **given).result == result


def test_labels_name_their_packets(labelled: CheckedRun) -> None:
    evidence = labelled.ask("labels", label="zero_window").evidence[0]
    assert (evidence.capture, evidence.packets, evidence.from_ns, evidence.to_ns) == (
        "h2-eth0",
        (1, 2),
        1 * S,
        2 * S,
    )


@pytest.mark.parametrize(
    "engine",
    [
        {"captures": {}},
        {"status": "interrupted", "end_ns": 5 * S},
        {"captures": {"h1-eth0": {"captured": 5, "dropped": 1}}},
    ],
)
def test_no_label_is_no_proof_without_whole_captures(
    labelled: CheckedRun, engine: dict[str, object]
) -> None:
    assert (
        labelled.says(**engine).ask("labels", label="window_full", equals=0).result
        == "INCONCLUSIVE"
    )


def test_the_labels_are_those_of_the_packets_table() -> None:
    from tcpexp.ingest.tshark import LABELS

    schema = BUILTIN["labels"].model_json_schema()["properties"]["label"]
    assert set(schema["enum"]) == set(LABELS)


def connection(closer: str | None, port: int = 80, **more: object) -> dict[str, object]:
    return {
        "client": "h1",
        "server": "h2",
        "client_port": 40000,
        "server_port": port,
        "capture": "h1-eth0",
        "stream": 0,
        "syn_ns": 0,
        "established_ns": 1,
        "first_closer": closer,
        "first_fin_ns": closer and 5 * S,
        **more,
    }


def test_closer(run: CheckedRun) -> None:
    run.fill("packets", [packet(9, 5 * S, flags="FA")]).fill(
        "connections", [connection("h1"), connection("h2", 81, stream=1)]
    )
    verdict = run.ask("closer", host="h1", port=80)
    assert (verdict.result, verdict.measured) == ("PASS", "h1")
    assert (verdict.evidence[0].capture, verdict.evidence[0].packets) == ("h1-eth0", (9,))
    assert run.ask("closer", host="h2", port=80).result == "FAIL"
    assert run.ask("closer", host="h1", port=81).result == "FAIL"


def test_a_connection_that_nobody_closed(run: CheckedRun) -> None:
    run.fill("packets", []).fill("connections", [connection(None)])
    verdict = run.ask("closer", host="h1", port=80)
    assert (verdict.result, verdict.measured) == ("FAIL", "none")
    run.says(status="interrupted", end_ns=5 * S)
    assert run.ask("closer", host="h1", port=80).result == "INCONCLUSIVE"


def test_closing_by_the_clean_up_does_not_count(run: CheckedRun) -> None:
    run.fill("packets", []).fill("connections", [connection("h1", first_fin_ns=10 * S + 1)])
    assert run.ask("closer", host="h1", port=80).result == "FAIL"


def test_closer_without_a_connection_is_inconclusive(run: CheckedRun) -> None:
    assert run.ask("closer", host="h1", port=80).result == "INCONCLUSIVE"
    run.fill("packets", []).fill("connections", [connection("h1", established_ns=None)])
    assert run.ask("closer", host="h1", port=80).result == "INCONCLUSIVE"
    run.fill("connections", [connection("h1")]).says(
        captures={"h1-eth0": {"captured": 9, "dropped": 1}}
    )
    assert run.ask("closer", host="h1", port=80).result == "INCONCLUSIVE"
    with pytest.raises(pydantic.ValidationError, match="neither port: nor flow:"):
        BUILTIN["closer"].model_validate({"host": "h1"})
