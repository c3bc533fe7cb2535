"""Congestion control: each experiment passes in the guest, and a changed mechanism fails the checks
that are about it.
"""

from __future__ import annotations

from tests.support.twins import ExperimentTests, twin


class TestCongestion(ExperimentTests):
    twins = (
        twin(  # Reno under CUBIC's name: no HyStart, half instead of 0.7
            "cc_phases",
            "actions[0].congestion_control=reno",
            fails=(
                "phases slow_start that ended by hystart of flow cubic",
                "back-off factor of flow cubic",
            ),
            passes=("back-off factor of flow reno", "initial window of flow cubic"),
        ),
        twin(  # the path goes on working: no timeout
            "cc_phases",
            "actions[1].loss=0.001%",
            "actions[3].loss=0.001%",
            fails=(
                "phases rto_recovery of flow cubic",
                "phases rto_recovery of flow reno",
                "loss events of flow cubic noticed by rto",
            ),
            passes=("back-off factor of flow cubic",),
        ),
        twin(  # a FIFO where fq_codel stood, and a short FIFO
            "bufferbloat",
            "links.a2-b2={rate: 10mbit, delay: 20ms, queue: 500p}",
            "links.a1-b1.queue=1bdp",
            fails=(
                "queueing delay of flow fq_codel",
                "RTT of flow fq_codel",
                "queueing delay of flow fifo",
                "RTT of flow fifo",
            ),
            passes=("queueing delay of flow cake",),
        ),
        twin(  # BBR beside Reno takes most
            "competing_flows",
            "actions[1].congestion_control=bbr",
            fails=("convergence of the flows towards h2",),
            passes=("goodput of flow first from 2 s to 15 s",),
        ),
        twin(  # keeps more than Reno and grows as fast: takes more
            "aimd_friendly",
            "congestion_controls.aimd.parameters.alpha=1024",
            fails=(
                "share of flow aimd",
                "growth per RTT of flow aimd in congestion_avoidance",
            ),
            passes=("back-off factor of flow aimd", "growth per RTT of flow reno"),
        ),
        twin(  # switched to Reno: no model, a full queue
            "cc_switch",
            "actions[1].algorithm=reno",
            fails=(
                "phases startup of flow upload",
                "phases probe_rtt of flow upload",
                "50th percentile of the queueing delay of flow upload",
            ),
            passes=("back-off factor of flow upload", "that ended by switched"),
        ),
        twin(  # BBR where CUBIC filled the buffer, and a FIFO where fq_codel stood
            "varying_link",
            "actions[cubic].congestion_control=bbr",
            "links.a3-b3={rate: 5mbit, delay: 20ms, queue: 250p}",
            fails=(
                "median RTT of flow cubic",
                "goodput of flow cubic",
                "median RTT of flow fq_codel",
            ),
            passes=("metric followed.0.largest_gap_bytes", "median RTT of flow bbr"),
        ),
        twin(
            "bbr_vs_cubic_deep",
            "links.h1-h2.queue=1bdp",
            fails=("share of flow bbr", "median RTT of flow cubic"),
            passes=("99th percentile of the RTT",),
        ),
        twin(
            "bbr_vs_cubic",
            "actions[1].congestion_control=cubic",
            fails=("phases probe_rtt of flow bbr", "Jain's index of cubic, bbr"),
            passes=("goodput of flow cubic",),
        ),
    )
