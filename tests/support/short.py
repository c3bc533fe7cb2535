"""A spec of one second with a flow: what a run from Python needs to show something."""

from __future__ import annotations

SHORT = """\
name: short
title: A flow of half a second
description: Does the window open?
answer: "The flow reaches {metric: flows.up.goodput_bps}."
topology: two_host
links:
  h1-h2: {rate: 5mbit, delay: 5ms, queue: 20p}  # a bottleneck
seed: 4
duration: 1s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, congestion_control: reno, until: 500ms}
expect:
  - goodput: {flow: up, at_least: 1mbit}
  - goodput: {flow: up, at_least: 1gbit}
plots: [cwnd, throughput, {label_table: {capture: h1-eth0}}]
"""
