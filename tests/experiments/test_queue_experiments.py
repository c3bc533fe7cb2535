"""Queues: each experiment passes in the guest, and a changed mechanism fails the checks that are
about it.
"""

from __future__ import annotations

from tests.support.twins import ExperimentTests, twin


class TestQueues(ExperimentTests):
    twins = (
        twin(  # a FIFO where PIE stood
            "pie",
            "links.a2-b2.discipline=pfifo",
            fails=("queueing delay of flow pie from",),
            passes=("queueing delay of flow pie_40",),
        ),
        twin(  # one queue for all: whoever fills it has most
            "sfq",
            "links.r1->r2.discipline=pfifo",
            fails=("Jain's index", "share of flow vegas", "goodput of flow vegas"),
        ),
        twin(  # no ceiling
            "htb_classes",
            "links.r1->r2.discipline.classes.silver.ceil=10mbit",
            fails=("rate of class silver at r1-r2 towards r2 from 33 s",),
            passes=("rate of class gold at r1-r2 towards r2 from 13 s to 30 s",),
        ),
        twin(  # a burst that takes a whole window
            "policer",
            "links.a1->b1.policer.burst=100kB",
            fails=("goodput of flow small_burst",),
            passes=("goodput of flow large_burst", "median RTT of flow small_burst"),
        ),
        twin(  # pacing taken away from the one, given to the other
            "pacing",
            "hosts.a2.discipline=none",
            "hosts.a1.discipline=fq",
            fails=(
                "most packets in a row of flow unpaced",
                "most packets in a row of flow paced",
                "queue of a2-b2 towards b2, drops",
            ),
            passes=("most packets in a row of flow bbr",),
        ),
        twin(  # DCTCP's packets in the classic queue with all others: it takes most
            "l4s",
            "links.r1->r2.discipline.l4s=ect1",
            fails=(
                "99th percentile of the queueing delay of flow scalable",
                "goodput of flow classic",
                "Jain's index",
            ),
            passes=("mean of classic delay",),
        ),
        twin(  # a server that knows classic ECN only
            "accecn",
            "hosts.b1.sysctls={net.ipv4.tcp_ecn: 1}",
            fails=("variant of ECN that flow accurate", "marks told over marks arrived"),
            passes=("variant of ECN that flow classic",),
        ),
    )
