"""Words of other tools lead to words that exist here."""

from __future__ import annotations

import re

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.spec.links import LinkParameters
from tcpexp.spec.messages import known_keys
from tcpexp.spec.model import ExperimentSpec, HostSettings
from tcpexp.spec.synonyms import ACTIONS, CHECKS, KEYS, KEYS_OF_SPEC, key_hint

CATALOGUE = load_catalogue()


def every_key() -> set[str]:
    models = [
        ExperimentSpec,
        HostSettings,
        LinkParameters,
        *(model for _, model in CATALOGUE.actions),
        *(model for _, model in CATALOGUE.checks),
    ]
    return {key for model in models for key in known_keys(model)}


def test_every_word_leads_to_a_key_that_exists():
    known = every_key()
    assert {key for meant in KEYS.values() for key in meant.keys if key not in known} <= {
        "timeout",
        "between",
    }
    assert set(KEYS_OF_SPEC.values()) <= set(known_keys(ExperimentSpec))


def test_every_hint_for_an_action_names_actions_that_exist():
    for word, hint in ACTIONS.items():
        assert word not in CATALOGUE.actions, f"{word} is an action of ours"
        named = re.findall(r"do: (\w+)", hint) + re.findall(r"mean '(\w+)'", hint)
        assert named or "captured anyway" in hint, hint
        for name in named:
            assert name in CATALOGUE.actions, hint


def test_every_check_exists():
    for word, name in CHECKS.items():
        assert word not in CATALOGUE.checks
        assert name in CATALOGUE.checks


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("bandwidth", "rate"),
        ("bw", "rate"),
        ("latency", "delay"),
        ("buffer", "queue"),
        ("max_queue_size", "queue"),
        ("plr", "loss"),
        ("qdisc", "discipline"),
    ],
)
def test_words_of_links(word, ours):
    hint, instead = key_hint(word, LinkParameters, known_keys(LinkParameters))
    assert hint == f"our word for it is '{ours}'"
    assert instead == ours


def test_a_word_whose_value_differs_is_not_taken_for_ours():
    hint, instead = key_hint("rtt", LinkParameters, known_keys(LinkParameters))
    assert "half a round-trip time" in hint
    assert instead is None


@pytest.mark.parametrize(
    ("action", "hint"),
    [
        ('{at: 1s, run: "ping -c 3 {h2}", host: h1}', "do: command"),
        ("{at: 1s, iperf3: {from: h1, to: h2}}", "write do: iperf3, and its parameters beside it"),
        ("{at: 1s, type: mark, text: here}", "write do: mark instead of type: mark"),
        ("{at: 1s, do: ping, host: h1}", 'argv: [ping, -c, 10, "{h2}"]'),
        ("{at: 1s, do: tcpdump, host: h1}", "captured anyway"),
        (
            "{at: 1s, do: iperf3, from: h1, to: h2, cc: bbr}",
            "our word for it is 'congestion_control'",
        ),
        ("{at: 1s, do: iperf3, from: h1, dst: h2}", "our word for it is 'to'"),
        ("{at: 1s, do: command, host: h1, cmd: ls}", "our word for it is 'shell'"),
        (
            "{at: 1s, do: command, host: h1, shell: ls, exit_code: 2}",
            "our word for it is 'expect_status'",
        ),
    ],
)
def test_actions_as_others_would_write_them(tmp_path, action, hint):
    path = tmp_path / "spec.yaml"
    path.write_text(f"name: one\ntopology: two_host\nduration: 10s\nactions:\n  - {action}\n")
    with pytest.raises(SpecErrors) as caught:
        load_spec(path)
    assert any(hint in str(error.hint) for error in caught.value.errors), caught.value
