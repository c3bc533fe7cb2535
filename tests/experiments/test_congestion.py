"""The experiments on congestion control, and the same with another congestion control or another buffer."""

from __future__ import annotations

from typing import ClassVar

from twins import ExperimentTests, twin


class TestCongestionControl(ExperimentTests):
    twins = (
        twin(
            "bbr_vs_cubic",
            "links.h1-h2.queue=8bdp",
            fails=("share of flow bbr", "99th percentile of the RTT of flow cubic"),
            passes=("goodput of flow cubic",),
        ),
        twin("bbr_vs_cubic", "actions[1].congestion_control=cubic", fails=("share of flow bbr",)),
        twin(
            "bbr_vs_cubic_deep",
            "links.h1-h2.queue=1bdp",
            fails=("share of flow bbr", "median RTT of flow cubic"),
        ),
        twin(
            "cc_switch",
            "actions[1].algorithm=reno",
            fails=("congestion control of flow upload from 20.5 s", "median RTT of flow upload from 25 s"),
            passes=("congestion control of flow upload from 2 s", "goodput of flow upload from 2 s"),
        ),
        twin(
            "cc_switch",
            "links.h1-h2.queue=5p",
            fails=("goodput of flow upload from 2 s", "median RTT of flow upload from 5 s"),
            passes=("congestion control of flow upload from 20.5 s",),
        ),
    )
    other_seeds: ClassVar = {"bbr_vs_cubic": 8, "bbr_vs_cubic_deep": 8}
