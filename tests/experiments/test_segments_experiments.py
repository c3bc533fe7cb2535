"""The experiments on damaged segments: each passes, and another fault or another mechanism of the
sender fails the check that is about it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.twins import ExperimentTests, outcome_of, twin


class TestSegments(ExperimentTests):
    twins = (
        twin(  # the retransmission is lost as well
            "one_loss",
            "actions[lose_40].transmission=[1, 2]",
            fails=("repair of what fault lose_40 did", "retransmissions of flow get"),
        ),
        twin(  # the retransmission arrives
            "loss_of_retransmission",
            "actions[lose_rack].transmission=1",
            fails=("repair of what fault lose_rack did", "growth of TcpExt.TCPLostRetransmit"),
            passes=("repair of what fault lose_no_rack did",),
        ),
        twin(  # no probe, so the timer repairs
            "tail_loss",
            "hosts.h2.sysctls.net.ipv4.tcp_early_retrans=0",
            fails=("repair of what fault lose_three did", "growth of TcpExt.TCPLossProbes"),
            passes=("repair of what fault lose_no_probe did",),
        ),
        twin(  # every SYN-ACK is lost
            "lost_synack",
            "actions[lose_synack].transmission=all",
            fails=("SYNs from h1 of flow once", "end of action once"),
            passes=("SYN-ACKs from h2 of flow twice", "end of action twice"),
        ),
        twin(  # two places late, not three
            "reorder_threshold",
            "actions[late_3].delay=3ms",
            fails=("what fault late_3 touched was late", "repair of what fault late_3 did"),
            passes=("what fault late_2 touched was late", "repair of what fault late_4 did"),
        ),
    )
    other_seeds = dict.fromkeys(
        ("one_loss", "loss_of_retransmission", "tail_loss", "lost_synack", "reorder_threshold"), 2
    )

    @pytest.mark.guest
    @pytest.mark.full
    def test_another_reaction_to_the_same_loss_fails_its_check_alone(self, tmp_path: Path) -> None:
        """Reno takes half of the window where CUBIC takes 0.3 of it; the same segment is lost and
        repaired.
        """
        outcome = outcome_of(
            "one_loss", tmp_path, "hosts={h2: {sysctls: {net.ipv4.tcp_congestion_control: reno}}}"
        )
        assert {check.check for check in outcome.checks if check.result != "PASS"} == {"backoff"}

    @pytest.mark.guest
    @pytest.mark.full
    def test_a_fault_that_never_acted_is_said_loudly(self, tmp_path: Path) -> None:
        """A download of 200 kB has no thousandth segment."""
        outcome = outcome_of("one_loss", tmp_path, "actions[lose_40].nth=1000")
        fault = next(check for check in outcome.checks if check.check == "fault")
        assert fault.result == "FAIL"
        assert "there were only 139 segments of the kind data" in fault.reason
        remark = next(
            item for item in outcome.certificate["items"] if item["name"].startswith("fault: ")
        )
        assert remark["verdict"] == "not measured"
        assert "only 139" in remark["why"]
