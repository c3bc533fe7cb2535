"""The TCP in user space: each experiment passes in the guest, and a changed mechanism fails the
checks that are about it.
"""

from __future__ import annotations

from tests.support.twins import ExperimentTests, twin


class TestUserSpace(ExperimentTests):
    twins = (
        # What was not fetched is not measured: INCONCLUSIVE.
        twin(
            "utcp_transfer",
            'actions[first].args=[small, medium, none, "--linger"]',
            fails=("end of action first",),
        ),
        twin(
            "utcp_services",
            'actions[calculator].args=["1+2", "1+1+"]',
            fails=("output of action calculator",),
            passes=("output of action names",),
        ),
        twin("utcp_timeout", "actions[server].config.rto_min=200ms", fails=("min of rto_ns",)),
        twin(
            "utcp_delayed_ack",
            "actions[sink].config.delayed_ack=false",
            fails=("timer delayed ack",),
            passes=("end of action drops",),
        ),
        twin(
            "utcp_delayed_ack",
            "actions[client].config.delayed_ack=false",
            fails=("pure ACKs from h2",),
            passes=("min delay of ACKs of flow drops",),
        ),
        twin(
            "utcp_slow_start",
            "actions[client].config.delayed_ack=true",
            fails=("growth per RTT",),
            passes=("end of action client",),
        ),
        twin(
            "utcp_congestion_avoidance",
            "actions[server].config.congestion_control=cubic",
            fails=(
                "cwnd grows by one MSS with the ACK",
                "cwnd in events",
                "growth per RTT of flow download in congestion_avoidance",
            ),
            passes=("in slow start each new ACK", "growth per RTT of flow download in slow_start"),
        ),
        twin(
            "utcp_fast_recovery",
            "actions[server].config.congestion_control=tahoe",
            fails=("at the third duplicate ACK", "each further duplicate ACK"),
            passes=("end of action client",),
        ),
        twin(
            "utcp_two_clients",
            "actions[two].at=5s",
            fails=("goodput of flow two",),
            passes=("goodput of flow one", "end of action two"),
        ),
        twin(
            "tahoe_reno_newreno",
            "actions[newreno_server].config.congestion_control=tahoe",
            "actions[cubic_server].config.congestion_control=newreno",
            fails=("flow newreno", "partial ACK", "back-off factor of flow cubic"),
            passes=("flow tahoe", "flow reno"),
        ),
        twin(
            "utcp_vs_kernel",
            "actions[user_reno].config.congestion_control=cubic",
            fails=(
                "flows user_reno and kernel_reno at each round trip of congestion_avoidance",
                "back-off factor of flow user_reno",
            ),
            passes=(
                "flows user_cubic and kernel_cubic at each round trip of slow_start",
                "back-off factor of flow kernel_reno",
            ),
        ),
        twin(
            "utcp_interop",
            "links={h1-h2: {delay: 20ms}}",
            fails=("retransmissions of flow from_kernel",),
            passes=("output of action sink",),
        ),
        twin(
            "utcp_interop",
            "links.h1-h2.corrupt=3%",
            fails=("seen at h2",),
            passes=("Wireshark's complaints about packets from h2", "output of action sink"),
        ),
        twin(
            "utcp_window_walk",
            "actions[reader].config.receiver_sws_avoidance=true",
            fails=("window in events segment_sent",),
        ),
    )
