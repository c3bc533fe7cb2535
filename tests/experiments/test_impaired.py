"""Downloads over a path that delays, reorders, duplicates and corrupts, and the same without one of
these faults.
"""

from __future__ import annotations

from typing import ClassVar

from tests.support.twins import ExperimentTests, twin

DIRECTION = "links.h2->h1"


class TestImpairedDownload(ExperimentTests):
    twins = (
        twin(
            "impaired_download_small",
            f"{DIRECTION}={{delay: 70ms, duplicate: 1%, corrupt: 0.1%}}",
            fails=(
                "labelled duplicate_ack",
                "labelled retransmission",
                "labelled fast_retransmission",
                "labelled spurious_retransmission",
                "labelled out_of_order",
                "labelled lost_segment",
                "measured jitter",
            ),
            passes=(
                "measured duplicate",
                "measured corrupt",
                "measured delay",
                "download of action get",
            ),
        ),
        twin(
            "impaired_download_small",
            f"{DIRECTION}={{delay: 70ms, jitter: 10ms, jitter_correlation: 30%, reorder: 5%}}",
            fails=(
                "measured duplicate",
                "measured reorder",
                "measured corrupt",
                "Tcp.InCsumErrors",
            ),
            passes=("labelled out_of_order", "download of action get"),
        ),
        twin(
            "impaired_download_small",
            f"{DIRECTION}.delay=50ms",
            fails=("measured delay",),
            passes=("measured duplicate",),
        ),
    )
    # With seed 2 the link sends the SYN-ACK at once: Wireshark's initial RTT is 0 then, and it
    # calls nothing out of order.
    other_seeds: ClassVar = {"impaired_download_small": 3}
