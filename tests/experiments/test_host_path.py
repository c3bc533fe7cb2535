"""The experiments that need no netem, on this machine's own kernel and the real clock: the same
checks pass.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tcpexp.paths import shipped_specs
from tcpexp.places.host.needs import find_missing
from tests.support.twins import compiled, outcome_of, verdicts

#: Whose numbers are not about round-trip times, so that the link may do without its delay.
WITHOUT_DELAY = {
    "dead_host": "topology={name: two_hosts_router, params: {delay: 0ms}}",
    "dead_host_retries_3": "topology={name: two_hosts_router, params: {delay: 0ms}}",
    "dead_host_same_subnet": "links={}",
    "half_close": "links={}",
    "keepalive": "links={}",
    "linked_list": "links={}",
    "linked_list_ipv6": "links={}",
    "orphan_fin_wait2": "links={}",
    "syn_scan": "links={}",
}
#: Short ones, without numbers that a busy machine could spoil.
QUICK = ("gso_segments", "linked_list", "linked_list_ipv6")


@cache
def without_netem() -> list[str]:
    """The shipped experiments whose links have no delay and no faults."""
    return [
        path.stem for path in shipped_specs() if "netem" not in compiled(path.stem).needs.qdiscs
    ]


def parameters() -> list[object]:
    names = [*without_netem(), *WITHOUT_DELAY]
    return [
        pytest.param(name, marks=[pytest.mark.root, *([] if name in QUICK else [pytest.mark.full])])
        for name in names
    ]


def assert_passes(name: str, tmp_path: Path, *changes: str) -> None:
    lacks = find_missing(compiled(name, *changes))
    if lacks:
        pytest.skip(f"this kernel lacks {', '.join(lack.what for lack in lacks)}")
    found = verdicts(outcome_of(name, tmp_path, *changes, on="host"))
    assert [verdict for verdict in found if not verdict.startswith("PASS ")] == []


@pytest.mark.parametrize("name", parameters())
def test_every_check_passes_on_the_host(name: str, tmp_path: Path) -> None:
    assert_passes(name, tmp_path, *([WITHOUT_DELAY[name]] if name in WITHOUT_DELAY else []))


@pytest.mark.root
@pytest.mark.parametrize(
    "name", ["gso_segments", pytest.param("delayed_ack", marks=pytest.mark.full)]
)
def test_every_check_passes_on_the_host_over_ipv6(name: str, tmp_path: Path) -> None:
    assert_passes(name, tmp_path, "topology.ip=6")


def test_some_experiments_need_no_netem():
    assert {"gso_segments", "syn_flood", "synack_drop", "zero_window_probe"} <= set(without_netem())
    assert not set(without_netem()) & set(WITHOUT_DELAY)


@pytest.mark.parametrize("name", WITHOUT_DELAY)
def test_without_its_delay_an_experiment_needs_no_netem(name):
    assert "netem" in compiled(name).needs.qdiscs
    assert "netem" not in compiled(name, WITHOUT_DELAY[name]).needs.qdiscs
