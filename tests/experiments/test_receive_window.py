"""The experiments on receive windows, small writes and ACKs: each passes, and a changed mechanism
fails the check that is about it.
"""

from __future__ import annotations

from tests.support.twins import ExperimentTests, twin


class TestReceiveWindow(ExperimentTests):
    twins = (
        twin(  # a reader that keeps up
            "slow_receiver",
            "actions[reader].args=[--port, 5000, --receive-buffer, 1024, --read, 65536,"
            " --every, 0s]",
            # on processors that take no time each segment still fills the window, so window_full
            # remains
            fails=(
                "reaches 0",
                "labelled zero_window",
                "labelled keep_alive",
                "goodput of flow upload",
            ),
            passes=("retransmissions of flow upload", "output of action reader"),
        ),
        twin(  # a buffer that takes everything
            "slow_receiver",
            "actions[reader].args=[--port, 5000, --read, 16, --every, 10ms]",
            fails=(
                "reaches 0",
                "at most 1152 bytes",
                "labelled zero_window",
                "labelled window_full",
                "labelled keep_alive",
                "labelled window_update",
            ),
            passes=("retransmissions of flow upload",),
        ),
        twin(
            "rwnd_autotuning",
            "hosts={h2: {sysctls: {net.ipv4.tcp_window_scaling: 0}}}",
            fails=("option window scale in the SYNs of h2",),
        ),
        twin(
            "rwnd_fixed",
            "hosts={h1: {sysctls: {net.ipv4.tcp_window_scaling: 1}}, h2: {sysctls:"
            " {net.ipv4.tcp_window_scaling: 1}}}",
            fails=(
                "option window scale in the SYNs of h1",
                "option window scale in the SYNs of h2",
                "window advertised by h2",
                "labelled zero_window",
            ),
        ),
        twin(
            "zero_window_probe",
            "actions[reader].args=[--port, 5000, --wait, 60s, --read, 200, --every, 100ms]",
            fails=(
                "pure ACKs from h1",
                "pure ACKs from h2",
                "window advertised by h2",
                "labelled keep_alive",
            ),
            passes=("output of action reader", "retransmissions of flow upload"),
        ),
        twin(
            "nagle",
            'actions[3].args=[--to, "{h2}", --port, 5000, --size, 10, --every, 8ms, --count, 250,'
            " --no-delay]",
            fails=("data segments from h1", "mean payload of segments of flow nagle"),
        ),
        twin(
            "silly_window",
            "actions[tiny_reads].args=[--port, 5000, --receive-buffer, 1024, --read, 16, --every,"
            " 5ms]",
            'actions[6].args=[--to, "{h2}", --port, 5001, --size, 1, --every, 4ms, --count, 250,'
            " --no-delay]",
            fails=("steps by which h2 opens its window", "data segments from h1"),
        ),
        twin(  # a smaller MSS, and the window opens by smaller steps
            "silly_window",
            "hosts={h2: {mtu: 576B}}",
            fails=("window to flow tiny_reads", "mean payload of segments of flow tiny_reads"),
            passes=("data segments from h1",),
        ),
        twin(  # readers that keep up: nothing to defend against
            "silly_window",
            "actions[tiny_reads].args=[--port, 5000, --receive-buffer, 4096, --read, 65536,"
            " --every, 0s]",
            "actions[tiny_buffer].args=[--port, 5003, --receive-buffer, 16384, --read, 65536,"
            " --every, 0s]",
            fails=("window advertised by h2", "packets labelled window_update"),
            passes=("data segments from h1",),
        ),
        twin(
            "delayed_ack",
            "actions[busy_server].args=[--port, 5000, --read, 65536, --every, 0s]",
            fails=("min delay of ACKs of flow busy",),
            passes=("max delay of ACKs of flow busy", "max delay of ACKs of flow prompt"),
        ),
        twin(
            "gso_segments",
            "hosts.h1.offloads=false",
            fails=(
                "max payload of segments of flow offload from h1, seen at h1",
                "max payload of segments of flow joined",
            ),
            passes=("max payload of segments of flow plain",),
        ),
        twin(
            "gso_segments",
            "actions[4].argv=[ethtool, -K, h2-eth0, gro, 'off']",
            fails=("max payload of segments of flow joined",),
            passes=("max payload of segments of flow offload from h1, seen at h1",),
        ),
    )
