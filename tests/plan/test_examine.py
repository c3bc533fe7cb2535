"""All mistakes of all stages in one call, none that only follows from another, each at
its place.
"""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_plan
from tcpexp.errors import SpecErrors
from tcpexp.paths import find_spec
from tcpexp.plan.examine import examine_spec
from tcpexp.spec.load import read_source
from tcpexp.studies.study import examine_study

GOOD = """\
name: good
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 20ms}
hosts:
  h1: {sysctls: {net.ipv4.tcp_sack: 1}}
duration: 10s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: bulk, until: 9s}
  - {at: 1s, do: http_get, id: get, from: h1, to: h2}
  - {at: 2s, do: command, id: ping, host: h1, argv: [ping, -c, 3, "{h2}"]}
  - {at: 3s, do: netem, link: h1-h2, loss: 1%}
  - {at: 4s, do: link_down, link: h1-h2, until: 5s}
expect:
  - goodput: {flow: bulk, at_least: 1mbit}
  - exit: {action: ping, status: 0}
plots: [throughput, {cwnd: {flows: [bulk]}}]
"""
#: One mistake each: what is written instead of what, and what must be said of it. In the order of
#: the stages that find them.
MISTAKES = {
    "twice": (
        "duration: 10s\n",
        "duration: 10s\nduration: 11s\n",
        "the key 'duration' appears twice",
    ),
    "unknown key": ("delay: 20ms}", "latency: 20ms}", "unknown key 'latency'"),
    "wrong unit": ("rate: 10mbit", "rate: 10", "the rate '10' has no unit"),
    "unknown sysctl": ("tcp_sack: 1", "tcp_sakc: 1", "no host has a setting 'net.ipv4.tcp_sakc'"),
    "unknown action": ("do: netem", "do: netam", "unknown action 'netam'"),
    "unknown check": (
        "- goodput: {flow: bulk, at_least: 1mbit}",
        "- throughput: {flow: bulk}",
        "unknown check 'throughput'",
    ),
    "unknown plot": ("plots: [throughput,", "plots: [throughputt,", "unknown plot 'throughputt'"),
    "unknown host under hosts": (
        "  h1: {sys",
        "  h7: {sys",
        "there is no host 'h7' in this network",
    ),
    "too late": ("until: 9s", "until: 12s", "until: 12s is after the end of the experiment, 10s"),
    "unknown host": (
        "id: get, from: h1, to: h2",
        "id: get, from: h1, to: h3",
        "there is no host 'h3' in this network",
    ),
    "host in an argument": (
        '"{h2}"',
        '"{h4}"',
        "there is no host 'h4' in this network, so {h4} stands for nothing",
    ),
    "unknown link": (
        "link: h1-h2, until",
        "link: h1-h5, until",
        "there is no link 'h1-h5' in this network",
    ),
    "unknown flow in a plot": (
        "flows: [bulk]",
        "flows: [bluk]",
        "there is no flow 'bluk' in this experiment",
    ),
    "unknown action in a check": (
        "action: ping,",
        "action: pnig,",
        "there is no action 'pnig' in this experiment",
    ),
}


def messages(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    return [
        error.message
        for error in examine_spec(read_source(path, overrides), load_catalogue()).errors
    ]


def with_mistakes(*names: str) -> str:
    text = GOOD
    for name in names:
        right, wrong, _ = MISTAKES[name]
        assert right in text, f"{name} does not fit beside {names}"
        text = text.replace(right, wrong)
    return text


def test_a_good_spec_has_none(tmp_path):
    assert messages(tmp_path, GOOD) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_error(tmp_path, name):
    assert messages(tmp_path, with_mistakes(name)) == [MISTAKES[name][2]]


def test_any_two_mistakes_are_two_errors(tmp_path):
    for pair in itertools.combinations(MISTAKES, 2):
        assert sorted(messages(tmp_path, with_mistakes(*pair))) == sorted(
            MISTAKES[name][2] for name in pair
        ), pair


def test_all_at_once_in_the_files_order(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(with_mistakes(*MISTAKES))
    errors = examine_spec(read_source(path), load_catalogue()).errors
    assert {error.message for error in errors} == {message for _, _, message in MISTAKES.values()}
    lines = [error.where.line for error in errors]
    assert lines == sorted(lines)


def test_the_four_mistakes_of_the_case():
    path = Path(__file__).parent / "four_mistakes.yaml"
    with pytest.raises(SpecErrors) as caught:
        load_plan(path)
    assert [
        (mistake.where.line, mistake.where.column, mistake.message)
        for mistake in caught.value.errors
    ] == [
        (6, 31, "unknown key 'latency'"),
        (7, 66, "until: 12s is after the end of the experiment, 10s"),
        (8, 46, "there is no host 'h3' in this network"),
        (10, 21, "there is no flow 'b' in this experiment"),
    ]


def test_what_follows_from_a_mistake_is_not_reported(tmp_path):
    """The flow of an action that cannot be, a queue without the rate that cannot be read, a change
    of nothing.
    """
    text = (
        GOOD.replace("do: iperf3, from: h1", "do: iperf3, from: h9")
        .replace("rate: 10mbit", "rate: 10, queue: 1bdp")
        .replace("loss: 1%", "loss: 1x")
    )
    assert messages(tmp_path, text) == [
        "the rate '10' has no unit",
        "there is no host 'h9' in this network",
        "'1x' is not a fraction",
    ]


def test_a_word_of_another_tool_is_read_as_what_it_means(tmp_path):
    """So that what is wrong with its value is seen too."""
    assert messages(tmp_path, GOOD.replace("rate: 10mbit", "bandwidth: 10Mb")) == [
        "unknown key 'bandwidth'",
        "'10Mb' is not a rate",
    ]


def test_options_and_the_file_are_looked_at_together(tmp_path):
    found = messages(
        tmp_path,
        with_mistakes("unknown host"),
        "links.h1-h2.rtae=1mbit",
        "seed",
        "links.h1-h2.delay=5",
    )
    assert "there is no host 'h3' in this network" in found
    assert "unknown key 'rtae'" in found
    assert "'seed' is not path=value" in found
    assert "the duration '5' has no unit" in found


def test_a_parameter_that_the_topology_lacks_stands_where_it_is_written(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(
        with_mistakes("unknown host").replace(
            "topology: two_host", "topology: {name: two_host, params: {rtae: 1mbit}}"
        )
    )
    first, second = examine_spec(read_source(path), load_catalogue()).errors
    assert "unknown key 'rtae'" in first.message and (first.where.line, first.where.column) == (
        2,
        37,
    )
    assert second.message == "there is no host 'h3' in this network"


def test_mistakes_of_a_sweep_come_with_those_of_the_spec(tmp_path):
    path = tmp_path / "spec.yaml"
    sweep = """
        sweep:
          parameters:
            queue: {values: [1bdp, 2bpd, 3xx], set: links.h1-h2.queue}
    """
    path.write_text(with_mistakes("unknown host") + textwrap.dedent(sweep))
    with pytest.raises(SpecErrors) as caught:
        examine_study(path)
    found = [mistake.message for mistake in caught.value.errors]
    assert found[0] == "there is no host 'h3' in this network"
    assert [message.partition(" is not")[0] for message in found[1:]] == ["'2bpd'", "'3xx'"]


@pytest.mark.parametrize("name", ["dead_host", "cc_switch", "syn_flood", "utcp_transfer"])
def test_a_mistake_at_each_end_of_a_shipped_experiment_is_two_errors(tmp_path, name):
    text = (
        find_spec(name).read_text().replace("topology:", "titel: x\ntopology:", 1)
        + "\nplots_: [rtt]\n"
    )
    (tmp_path / "spec.yaml").write_text(text)
    found = [
        error.message
        for error in examine_spec(read_source(tmp_path / "spec.yaml"), load_catalogue()).errors
    ]
    assert found == ["unknown key 'titel'", "unknown key 'plots_'"]


def test_ends_that_differ_are_named_once_each(tmp_path):
    path = tmp_path / "blackhole.yaml"
    path.write_text(
        "name: blackhole\ntopology: two_hosts_router\nhosts:\n  h1: {mtu: 9000B}\n  h2: {mtu:"
        " 9000B}\n  r1: {mtu: 1500B}\nlinks:\n  h1-r1: {rate: 45mbit, delay: 5ms}\n  r1-h2: {rate:"
        " 45mbit, delay: 5ms}\nduration: 10s\nactions:\n  - {at: 0s, do: iperf3, from: h1, to: h2,"
        " flow: up, until: 10s}\n"
    )
    with pytest.raises(SpecErrors) as caught:
        load_plan(path)
    assert [
        "h1-r1" in caught.value.errors[0].message,
        "r1-h2" in caught.value.errors[1].message,
        len(caught.value.errors),
    ] == [True, True, 2]
