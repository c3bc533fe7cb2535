from __future__ import annotations

import pytest

from tests.support.checked_run import CheckedRun, S


@pytest.fixture
def counted(run: CheckedRun) -> CheckedRun:
    """ListenDrops of h2: 5 at the beginning, 7 at 3 s, 12 at 6 s."""
    rows = [
        {"t_ns": t * S, "node": "h2", "counter": "TcpExt.ListenDrops", "value": value}
        for t, value in ((0, 5), (3, 7), (6, 12))
    ]
    return run.fill(
        "counters", [*rows, {"t_ns": 0, "node": "h2", "counter": "Tcp.InSegs", "value": 0}]
    )


@pytest.mark.parametrize(
    ("given", "measured", "result"),
    [
        ({"equals": 7}, "+7", "PASS"),
        ({"at_most": 6}, "+7", "FAIL"),
        ({"between": ["1s", "4s"], "equals": 2}, "+2", "PASS"),
        ({"between": ["3s", "6s"], "equals": 5}, "+5", "PASS"),
        ({"between": ["7s", "10s"], "equals": 0}, "+0", "PASS"),
        ({"between": ["7s", "10s"], "above": 0}, "+0", "FAIL"),
    ],
)
def test_counter(counted: CheckedRun, given: dict[str, object], measured: str, result: str) -> None:
    verdict = counted.ask("counter", host="h2", name="TcpExt.ListenDrops", **given)
    assert (verdict.result, verdict.measured) == (result, measured)


def test_a_counter_that_the_kernel_lacks_is_unsupported(counted: CheckedRun) -> None:
    verdict = counted.ask("counter", host="h2", name="TcpExt.ListenDrop", equals=0)
    assert verdict.result == "UNSUPPORTED" and "did you mean 'TcpExt.ListenDrops'" in verdict.reason


@pytest.mark.parametrize("spoil", ["other host", "interrupted", "late start"])
def test_counter_without_samples_is_inconclusive(counted: CheckedRun, spoil: str) -> None:
    host = "h1" if spoil == "other host" else "h2"
    if spoil == "interrupted":
        counted.says(status="interrupted", end_ns=9 * S)
    if spoil == "late start":
        counted.fill(
            "counters", [{"t_ns": 4 * S, "node": "h2", "counter": "TcpExt.ListenDrops", "value": 5}]
        )
    assert (
        counted.ask("counter", host=host, name="TcpExt.ListenDrops", at_least=0).result
        == "INCONCLUSIVE"
    )


def firewall(inserted: int, deleted: int | None) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"t_ns": inserted, "event": "start", "step": "wall", "text": "-A INPUT -j DROP"}
    ]
    return (
        rows
        if deleted is None
        else [
            *rows,
            {"t_ns": deleted, "event": "end", "step": "wall", "text": "deleted: -A INPUT -j DROP"},
        ]
    )


def test_firewall_empty(run: CheckedRun) -> None:
    run.fill("events", firewall(0, 5 * S))
    assert run.ask("firewall_empty", host="h1").result == "PASS"
    assert run.ask("firewall_empty", host="h1", at="6s").result == "PASS"
    verdict = run.ask("firewall_empty", host="h1", at="4s")
    assert verdict.result == "FAIL" and "-A INPUT -j DROP" in verdict.reason


def test_a_rule_left_behind(run: CheckedRun) -> None:
    run.fill("events", firewall(0, None))
    assert run.ask("firewall_empty", host="h1").result == "FAIL"
    run.says(status="failed", end_ns=3 * S)
    assert run.ask("firewall_empty", host="h1").result == "INCONCLUSIVE"


def test_a_firewall_that_was_never_used_was_never_read_back(run: CheckedRun) -> None:
    run.fill("events", firewall(0, 5 * S))
    assert run.ask("firewall_empty", host="h2").result == "INCONCLUSIVE"
    run.fill("events", [])
    assert run.ask("firewall_empty", host="h1").result == "INCONCLUSIVE"


METRICS = {
    "flows": {"one": {"rtt_ms": 41.5, "none": None}},
    "queues": [{"drops": 3}],
    "counters": {"h2": {"TcpExt.ListenDrops": 9}},
    "ok": True,
}


@pytest.mark.parametrize(
    ("path", "given", "result"),
    [
        ("flows.one.rtt_ms", {"equals": 41.5}, "PASS"),
        ("flows.one.rtt_ms", {"equals": 41, "tolerance": "1%"}, "FAIL"),
        ("queues.0.drops", {"at_least": 3}, "PASS"),
        ("counters.h2.TcpExt.ListenDrops", {"above": 9}, "FAIL"),
        ("counters.h2.TcpExt.ListenDrops", {"below": 10}, "PASS"),
        ("queues.1.drops", {"at_least": 0}, "INCONCLUSIVE"),
        ("flows.one.none", {"at_least": 0}, "INCONCLUSIVE"),
        ("flows.one", {"at_least": 0}, "INCONCLUSIVE"),
        ("flow.one.rtt_ms", {"at_least": 0}, "INCONCLUSIVE"),
        ("ok", {"at_least": 0}, "INCONCLUSIVE"),
    ],
)
def test_metric(run: CheckedRun, path: str, given: dict[str, object], result: str) -> None:
    assert run.metrics(METRICS).ask("metric", name=path, **given).result == result


def test_metric_of_a_run_cut_short_is_inconclusive(run: CheckedRun) -> None:
    assert run.ask("metric", name="flows.one.rtt_ms", at_least=0).result == "INCONCLUSIVE"
    run.metrics(METRICS).says(status="interrupted", end_ns=9 * S)
    assert run.ask("metric", name="flows.one.rtt_ms", at_least=0).result == "INCONCLUSIVE"
