"""Captures judged by a spec: who plays whom, and what packets alone can decide."""

import json

import pytest

from tcpexp.catalogue.reading import load_plan
from tcpexp.checks import BUILTIN
from tcpexp.checks.run import load_checks
from tcpexp.cli.main import main
from tcpexp.errors import SpecError
from tcpexp.explain.explain import Asked, explain_again, explain_captures, read_cast
from tcpexp.explain.judging import BY_PACKETS, REASONS
from tests.support.crafting import write_pcap
from tests.support.foreign import CLIENT, SERVER, download

SPEC = """\
name: lab
title: A download
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 10ms, queue: 20p}
duration: 5s
actions:
  - {at: 1s, do: iperf3, from: h1, to: h2, flow: down, direction: reverse, until: 4s}
expect:
  - closer: {flow: down, host: h2, because: "the server has sent all"}
  - syn_option: {from: h1, option: window_scale, equals: 7}
  - retransmissions: {flow: down, equals: 1}
  - rtt: {flow: down, measure: min, at_least: 15ms}
  - goodput: {flow: down, at_least: 1kbit}
  - socket: {host: h2, state: time-wait, at_least: 1}
  - queue: {link: h1-h2, towards: h1, measure: max_packets, at_most: 20}
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    path = tmp_path_factory.mktemp("spec") / "lab.yaml"
    path.write_text(SPEC)
    return path


def capture_of(path, place="server"):
    """Write what iperf3 would do: a control connection, then a second one with the data."""
    control, data = (download(place, 5, 40_001), download(place, 20, 40_002))
    late = [(at + 100_000_000, packet) for at, packet in data.packets]
    return write_pcap(path, sorted([*control.packets, *late], key=lambda pair: pair[0]))


def results_of(run_dir):
    """Return each check's result."""
    return {verdict.check: verdict.result for verdict in load_checks(run_dir)}


def test_every_check_is_decided_by_packets_or_says_why_not():
    assert set(REASONS).isdisjoint(BY_PACKETS)
    assert set(REASONS) | BY_PACKETS == set(BUILTIN)


def test_packets_decide_what_they_can_and_nothing_else(spec, tmp_path):
    asked = Asked(load_plan(spec))
    explained = explain_captures([capture_of(tmp_path / "c.pcap")], tmp_path / "r", asked=asked)
    assert results_of(explained.path) == {
        "closer": "PASS",
        "syn_option": "UNSUPPORTED",  # the SYN's own end was not captured
        "retransmissions": "PASS",
        "rtt": "PASS",
        "goodput": "UNSUPPORTED",  # neither was the receiver's
        "socket": "UNSUPPORTED",
        "queue": "UNSUPPORTED",
    }
    reasons = {verdict.check: verdict.reason for verdict in load_checks(explained.path)}
    assert "in no packet" in reasons["socket"] and "no capture was made at h1" in reasons["goodput"]
    page = explained.report.read_text()
    assert "Verdicts by the spec" in page and "h1 is 192.0.2.1, by port 5201" in page


def test_a_capture_at_the_other_end_decides_other_things(spec, tmp_path):
    capture = capture_of(tmp_path / "c.pcap", "client")
    explained = explain_captures([capture], tmp_path / "r", asked=Asked(load_plan(spec)))
    results = results_of(explained.path)
    assert (results["syn_option"], results["goodput"]) == ("PASS", "PASS")
    assert (results["rtt"], results["retransmissions"]) == ("UNSUPPORTED", "UNSUPPORTED")


def test_time_zero_and_names_are_the_specs(spec, tmp_path):
    capture = capture_of(tmp_path / "c.pcap")
    run = explain_captures([capture], tmp_path / "r", asked=Asked(load_plan(spec))).run
    rows = run.table("connections").select("client", "server", "flow", "syn_ns").rows()
    assert rows[0] == ("h1", "h2", None, 1_000_000_000)  # iperf3's control channel carries no flow
    assert rows[1][:3] == ("h1", "h2", "down")
    assert [flow.name for flow in run.plan.flows] == ["down"]


def test_it_can_be_made_again_without_the_spec(spec, tmp_path):
    capture = capture_of(tmp_path / "c.pcap")
    made = explain_captures([capture], tmp_path / "r", asked=Asked(load_plan(spec)))
    before = (made.path / "checks.json").read_bytes()
    again = explain_again(made.path)
    assert (again.path / "checks.json").read_bytes() == before
    assert read_cast(again.path).hosts == {CLIENT: "h1", SERVER: "h2"}


def test_who_is_meant_has_to_be_told_where_several_could_be(spec, tmp_path):
    one = download("server", 5, 40_001).packets
    other = [
        (at, packet.replace(bytes([192, 0, 2, 1]), bytes([192, 0, 2, 9]))) for at, packet in one
    ]
    capture = write_pcap(tmp_path / "c.pcap", sorted([*one, *other], key=lambda pair: pair[0]))
    asked = Asked(load_plan(spec))
    with pytest.raises(SpecError, match="2 hosts could be h1") as wrong:
        explain_captures([capture], tmp_path / "r", asked=asked)
    assert wrong.value.hint == "say which it is: --host h1=192.0.2.1"
    told = Asked(load_plan(spec), {"h1": "192.0.2.9"})
    explained = explain_captures([capture], tmp_path / "r", asked=told)
    assert read_cast(explained.path).hosts["192.0.2.9"] == "h1"
    for hosts in ({"h7": CLIENT}, {"h1": "203.0.113.5"}, {"h1": CLIENT, "h2": CLIENT}):
        with pytest.raises(SpecError, match="--host"):
            explain_captures([capture], tmp_path / "r", asked=Asked(load_plan(spec), hosts))


def test_the_command(spec, tmp_path, capsys):
    capture = str(capture_of(tmp_path / "c.pcap"))
    where = ["--results", str(tmp_path / "r")]
    assert main(["check", "--spec", str(spec), *where, "--json", capture]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert len(row["verdicts"]) == 7 and "h1 is 192.0.2.1" in row["cast"][0]
    assert main(["check", "--spec", str(spec), *where, "--zero", "10s", capture]) in (0, 1)
    assert main(["check", "--spec", str(spec), *where, "--host", "h1", capture]) == 2
    assert "NAME=ADDRESS" in capsys.readouterr().err
    assert main(["check", "--host", "h1=192.0.2.1", "x"]) == 2
