"""The set as a whole: what the course asks for is there, and every experiment has a twin that must
fail.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from tcpexp.paths import shipped_specs
from tests.support.twins import ExperimentTests, compiled

HERE = Path(__file__).parent
SHIPPED = {path.stem: path for path in shipped_specs()}

#: What a laboratory course on TCP is about, part by part; each is the name of an experiment.
CONNECTIONS = (
    "handshake_teardown",
    "simultaneous_close",
    "all_states",
    "half_close",
    "dead_host",
    "dead_host_retries_3",
    "dead_host_same_subnet",
    "closed_port",
    "syn_scan",
    "synack_drop",
    "synack_drop_isolated",
    "syn_flood",
    "syn_flood_cookies",
    "accept_queue_overflow",
    "keepalive",
    "orphan_fin_wait2",
)
DAMAGED_SEGMENTS = (
    "impaired_download",
    "one_loss",
    "loss_of_retransmission",
    "tail_loss",
    "lost_synack",
    "reorder_threshold",
    "gso_segments",
    "delayed_ack",
)
FLOW_CONTROL = (
    "slow_receiver",
    "rwnd_autotuning",
    "rwnd_fixed",
    "zero_window_probe",
    "send_chunk_size",
    "linked_list",
    "relay_zero_window",
    "zero_window_attack",
    "silly_window",
    "nagle",
    "udp_no_flow_control",
    "stop_and_wait",
    "echo",
)
#: Experiments without a twin of their own, and whose twin stands for it.
STANDS_FOR = {
    # the same faults and checks with a tenth of the data
    "impaired_download": "impaired_download_small",
}


def experiments_with_twins() -> set[str]:
    """Return the experiments of which a test module here changes a mechanism and asks for a FAIL."""
    found: set[str] = set()
    for path in sorted(HERE.glob("test_*.py")):
        if path.stem == Path(__file__).stem:
            continue
        module = importlib.import_module(f"tests.experiments.{path.stem}")
        classes = [
            each
            for _, each in inspect.getmembers(module, inspect.isclass)
            if issubclass(each, ExperimentTests)
        ]
        found |= {twin.experiment for each in classes for twin in each.twins if twin.fails}
        found |= {twin.experiment for twin in getattr(module, "TWINS", ()) if twin.fails}
        found |= {name for name, (_, fails) in getattr(module, "CHANGES", {}).items() if fails}
    return found


@pytest.mark.parametrize("name", [*CONNECTIONS, *DAMAGED_SEGMENTS, *FLOW_CONTROL])
def test_the_experiment_is_shipped_under_its_own_name(name: str) -> None:
    assert name in SHIPPED
    assert compiled(name).name == name


def test_every_experiment_has_a_twin_that_must_fail() -> None:
    twins = experiments_with_twins()
    assert set(SHIPPED) - twins == set(STANDS_FOR)
    assert set(STANDS_FOR.values()) <= twins <= set(SHIPPED)


@pytest.mark.parametrize(("name", "other"), STANDS_FOR.items())
def test_where_another_experiments_twin_stands_for_it_the_checks_are_the_same(
    name: str, other: str
) -> None:
    kinds = [
        {
            (check, given.get("label") or given.get("what"))
            for entry in compiled(each).expect
            for check, given in entry.items()
        }
        for each in (name, other)
    ]
    assert kinds[0] <= kinds[1]
