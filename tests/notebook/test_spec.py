"""Specs read, built, changed and written from Python."""

from __future__ import annotations

import pytest

import tcpexp
from tcpexp.catalogue.reading import load_plan
from tcpexp.notebook.values import path_text
from tcpexp.paths import find_spec, shipped_specs
from tcpexp.plan.types import to_json
from tests.support.short import SHORT


@pytest.mark.parametrize("path", shipped_specs(), ids=lambda path: path.stem)
def test_a_shipped_spec_written_and_read_again_is_the_same_plan(path, tmp_path):
    """Through plain values, so that our own writer has written all of it."""
    spec = tcpexp.Spec(tcpexp.Spec(str(path)).to_dict(), folder=path.parent)
    written = tmp_path / path.name
    written.write_text(spec.to_yaml())
    again = tcpexp.Spec(written, folder=path.parent)
    assert to_json(again.plan()) == to_json(load_plan(path))


def test_a_changed_spec_keeps_its_comments_and_is_valid_for_the_command(tmp_path):
    spec = tcpexp.Spec(SHORT)
    assert spec.set("links.h1-h2.rate", "20mbit") is spec
    spec["links"]["h1-h2"]["queue"] = "2bdp"
    spec["actions"].append({"at": "900ms", "do": "mark", "text": "late"})
    del spec["seed"]
    path = spec.write(tmp_path / "mine.yaml")
    text = path.read_text()
    assert "h1-h2: {rate: 20mbit, delay: 5ms, queue: 2bdp}  # a bottleneck" in text
    assert "  - {at: 900ms, do: mark, text: late}\nexpect:" in text
    assert to_json(load_plan(path)) == to_json(spec.plan())
    assert load_plan(path).network.links[0].forward.rate_bps == 20_000_000


def test_a_spec_of_keyword_arguments_is_what_yaml_says():
    built = tcpexp.Spec(
        name="plain",
        topology="two_host",
        links={"h1-h2": {"rate": "5mbit", "delay": "5ms"}},
        duration="1s",
        actions=[{"at": "0s", "do": "mark", "text": "one: two"}],
    )
    assert built.plan().network.links[0].forward.delay_ns == 5_000_000
    assert built["actions"][0]["text"] == "one: two"
    assert tcpexp.Spec(built.to_yaml()) == built


def test_a_name_with_keys_that_go_over_it():
    spec = tcpexp.Spec("handshake_teardown", seed=9, duration="70s")
    assert (spec.plan().seed, spec.plan().duration_ns) == (9, 70 * 10**9)
    assert tcpexp.Spec("handshake_teardown").plan().seed != 9


def test_several_values_that_are_valid_only_together():
    spec = tcpexp.Spec(SHORT)
    with pytest.raises(tcpexp.SpecErrors, match="up"):
        spec.set("actions[0].flow", "down")
    spec.set(
        {
            "actions[0].flow": "down",
            "expect[0].goodput.flow": "down",
            "expect[1].goodput.flow": "down",
            "answer": "The flow reaches {metric: flows.down.goodput_bps}.",
        }
    )
    assert [flow.name for flow in spec.plan().flows] == ["down"]


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (lambda spec: spec.set("links.h1-h2.rate", "20mbti"), "set links.h1-h2.rate", "not a rate"),
        (lambda spec: spec["actions"].append({"at": "1s"}), "actions[1]", "what to do"),
        (lambda spec: spec["actions"][0].update({"do": "iperf4"}), "actions[0].do", "iperf3"),
        (lambda spec: spec.set("duration", None), "duration", "null"),
        (lambda spec: spec.__delitem__("duration"), "", "duration"),
        (lambda spec: spec.set("links.h1-h2.rate", {1, 2}), "", "cannot hold a set"),
        (lambda spec: spec.set("actions[7].at", "1s"), "actions[7].at", "1 entries"),
    ],
)
def test_what_would_be_wrong_names_its_place_and_changes_nothing(change, place, words):
    spec = tcpexp.Spec(SHORT)
    with pytest.raises(tcpexp.SpecError) as caught:
        change(spec)
    assert place in str(caught.value)
    assert words in str(caught.value)
    assert spec.to_yaml() == SHORT


def test_a_wrong_file_is_told_by_its_lines(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(SHORT.replace("5mbit", "5mbti"))
    with pytest.raises(tcpexp.SpecErrors, match=r"wrong.yaml:7:17: '5mbti' is not a rate"):
        tcpexp.Spec(path)


def test_wrong_text_and_wrong_things_are_refused():
    with pytest.raises(tcpexp.SpecErrors, match="not YAML"):
        tcpexp.Spec("name: [\nduration: 1s\n")
    with pytest.raises(tcpexp.SpecErrors, match="topology"):
        tcpexp.Spec({"name": "x", "duration": "1s"})
    with pytest.raises(tcpexp.SpecError, match="not made from a int"):
        tcpexp.Spec(3)
    with pytest.raises(tcpexp.SpecError, match="did you mean 'bbr_vs_cubic'"):
        tcpexp.Spec("bbr_vs_cubik")


def test_a_copy_is_a_spec_of_its_own():
    spec = tcpexp.Spec(SHORT)
    other = spec.copy().set("seed", 77)
    assert (spec.plan().seed, other.plan().seed, spec.plan(seed=5).seed) == (4, 77, 5)
    assert spec != other


def test_parts_are_mappings_and_lists():
    spec = tcpexp.Spec(SHORT)
    assert dict(spec["links"]["h1-h2"]) == {"rate": "5mbit", "delay": "5ms", "queue": "20p"}
    assert list(spec["plots"])[:2] == ["cwnd", "throughput"]
    assert spec["expect"][-1] == {"goodput": {"flow": "up", "at_least": "1gbit"}}
    spec["plots"][0:2] = ["rtt"]
    assert spec["plots"][0] == "rtt"
    spec["plots"].insert(0, "queue")
    assert spec["plots"][:2] == ["queue", "rtt"]
    spec["expect"].pop()
    assert len(spec["expect"]) == 1
    with pytest.raises(KeyError, match="h1-h3"):
        spec["links"]["h1-h3"]
    with pytest.raises(IndexError, match="has 1 entries"):
        spec["expect"][1]
    assert spec.get("links.h1-h2.delay") == "5ms"
    assert spec.get("links.h1-h2.loss") is None
    assert spec.get("nonsense[") is None


def test_a_topology_by_name_takes_parameters():
    spec = tcpexp.Spec(SHORT).set("topology.ip", 6)
    assert spec["topology"] == {"name": "two_host", "ip": 6}
    assert "# a bottleneck" in spec.to_yaml()


def test_files_beside_a_spec_are_missed_where_it_is_written(tmp_path):
    (tmp_path / "net.yaml").write_text("nodes: {a: host, b: host}\nlinks:\n  - [a, b]\n")
    text = "name: own\ntopology: net\nduration: 1s\nactions:\n  - {at: 0s, do: mark, text: x}\n"
    try:
        spec = tcpexp.Spec(text, folder=tmp_path)
    except tcpexp.SpecErrors as errors:
        pytest.fail(str(errors))
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(tcpexp.SpecErrors, match="net"):
        spec.write(tmp_path / "elsewhere" / "own.yaml")
    assert not (tmp_path / "elsewhere" / "own.yaml").exists()
    assert spec.write(tmp_path / "own.yaml").is_file()


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (("links", "h1-h2", "rate"), "links.h1-h2.rate"),
        (("actions", 2, "at"), "actions[2].at"),
        (("hosts", "h1", "sysctls", "net.ipv4.tcp_sack"), 'hosts.h1.sysctls["net.ipv4.tcp_sack"]'),
    ],
)
def test_a_path_in_words(keys, text):
    assert path_text(keys) == text


def test_a_key_with_dots_is_set():
    spec = tcpexp.Spec(SHORT, hosts={"h1": {"sysctls": {"net.ipv4.tcp_sack": 1}}})
    spec["hosts"]["h1"]["sysctls"]["net.ipv4.tcp_sack"] = 0
    assert "net.ipv4.tcp_sack: 0" in spec.to_yaml()


def test_it_is_shown_as_its_text():
    html = tcpexp.Spec("bbr_vs_cubic")._repr_html_()
    assert "BBR and CUBIC share a bottleneck" in html
    assert "&quot;RFC 9438 (CUBIC)&quot;" in html
    assert find_spec("bbr_vs_cubic").read_text() == tcpexp.Spec("bbr_vs_cubic").to_yaml()
