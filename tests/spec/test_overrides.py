"""``--set path=value``."""

import pytest

from tcpexp.errors import SpecErrors
from tcpexp.spec.overrides import apply_overrides, parse_override

RAW = {
    "seed": 1,
    "links": {"h1-h2": {"rate": "10mbit"}},
    "hosts": {"h1": {"sysctls": {"net.ipv4.tcp_sack": "0"}}},
    "actions": [{"do": "mark"}, {"do": "iperf3", "id": "bulk", "at": "1s"}],
}


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("seed=9", lambda raw: raw["seed"] == 9),
        ("links.h1-h2.rate=20mbit", lambda raw: raw["links"] == {"h1-h2": {"rate": "20mbit"}}),
        (
            "links.h1-h2.delay=5ms",
            lambda raw: raw["links"]["h1-h2"] == {"rate": "10mbit", "delay": "5ms"},
        ),
        ("links.h1->h2.delay=5ms", lambda raw: raw["links"]["h1->h2"] == {"delay": "5ms"}),
        ("actions[1].at=3s", lambda raw: raw["actions"][1]["at"] == "3s"),
        ("actions[bulk].at=3s", lambda raw: raw["actions"][1]["at"] == "3s"),
        (
            "hosts.h1.sysctls.net.ipv4.tcp_sack=1",
            lambda raw: raw["hosts"]["h1"]["sysctls"] == {"net.ipv4.tcp_sack": 1},
        ),
        (
            'hosts.h1.sysctls["net.ipv4.tcp_ecn"]=1',
            lambda raw: raw["hosts"]["h1"]["sysctls"]["net.ipv4.tcp_ecn"] == 1,
        ),
        ("links.h2-h3.rate=20mbit", lambda raw: raw["links"]["h2-h3"] == {"rate": "20mbit"}),
        (
            "hosts.h2.sysctls.net.ipv4.tcp_sack=0",
            lambda raw: raw["hosts"]["h2"] == {"sysctls": {"net.ipv4.tcp_sack": 0}},
        ),
        (
            "record.capture.snaplen=full",
            lambda raw: raw["record"] == {"capture": {"snaplen": "full"}},
        ),
        ("plots=[cwnd, rtt]", lambda raw: raw["plots"] == ["cwnd", "rtt"]),
        ("title=a=b", lambda raw: raw["title"] == "a=b"),
    ],
)
def test_sets(text, look):
    assert look(apply_overrides(RAW, [text]))


def test_the_given_values_are_not_changed():
    before = repr(RAW)
    apply_overrides(RAW, ["actions[1].at=3s", "links.h1-h2.rate=20mbit"])
    assert repr(RAW) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed", "is not path=value"),
        ("=5", "is not path=value"),
        ("seed=", "gets no value"),
        ("actions[7].at=3s", "actions has 2 entries, no '7'"),
        ("actions[nope].at=3s", "actions has 2 entries, no 'nope'"),
        ("seed.x=3", "seed is a single value"),
        ("lnks.h1-h2.rate=3mbit", "the spec has no 'lnks' (did you mean 'links'?)"),
        ("links[.x=3", "is not a step of a path"),
        ("seed=[1", "not YAML"),
    ],
)
def test_bad_paths_are_explained(text, words):
    with pytest.raises(SpecErrors) as caught:
        apply_overrides(RAW, [text])
    assert words in str(caught.value)
    assert "--set" in str(caught.value)


def test_steps_of_a_path():
    assert parse_override("a.b[2].c=1") == (["a", "b", 2, "c"], 1)


def test_a_wrong_value_is_reported_at_the_option(workshop):
    errors = workshop.errors("links: {h1-h2: {rate: 1mbit}}", ["links.h1-h2.rate=20"])
    assert errors == ["--set links.h1-h2.rate=20: the rate '20' has no unit (write 20mbit)"]


def test_an_unknown_key_is_reported_at_the_option(workshop):
    errors = workshop.errors("", ["sed=20"])
    assert errors == ["--set sed=20: unknown key 'sed' (did you mean 'seed'?)"]


def test_a_path_makes_the_parts_of_a_spec_that_are_silent():
    assert apply_overrides({"name": "x"}, ["hosts.h1.sysctls.net.ipv4.tcp_sack=0"])["hosts"] == {
        "h1": {"sysctls": {"net.ipv4.tcp_sack": 0}}
    }
    with pytest.raises(SpecErrors, match="no 'host'"):
        apply_overrides({"name": "x", "hosts": {}}, ["host.h1.sysctls.net.ipv4.tcp_sack=0"])
