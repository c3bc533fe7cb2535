"""The settings of disciplines: tc's words, what reads back, and the kernel's own messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcpexp.record.disciplines import DISCIPLINES, agrees, setting, tc_words
from tcpexp.record.qdiscoptions import decode_options
from tcpexp.record.qdiscstats import STATISTICS, decode_statistics
from tcpexp.record.rtnetlink import (
    QdiscRole,
    class_row,
    parse_classes,
    parse_messages,
    parse_policers,
    policer_row,
)

#: What Linux 7.3.4 sent for disciplines with a queue of 200 packets (PIE's: 500, target 40 ms).
MESSAGES = {
    name: bytes.fromhex(text)
    for name, text in json.loads(
        (Path(__file__).parent / "data" / "linux-7.3.4-tc-messages.json").read_text()
    ).items()
}
#: What a plan asked for there, where it was not the default.
ASKED = {
    "pie": {"target": 40e6},
    "sfq": {"depth": 60},
    "choke": {"min": 16, "max": 50},
    "dualpi2": {"l4s": 3},
}


@pytest.mark.parametrize("kind", DISCIPLINES)
def test_every_default_is_what_the_kernel_reads_back(kind: str) -> None:
    (sample,) = parse_messages(MESSAGES[kind])
    options = decode_options(kind, sample.options)
    for one in DISCIPLINES[kind]:
        asked = ASKED.get(kind, {}).get(one.name, one.resolved(1514))
        if asked is not None:
            assert agrees(kind, one.name, asked, options.get(one.name)), one.name


@pytest.mark.parametrize("kind", DISCIPLINES)
def test_another_value_does_not_agree(kind: str) -> None:
    (sample,) = parse_messages(MESSAGES[kind])
    options = decode_options(kind, sample.options)
    for one in DISCIPLINES[kind]:
        found = options.get(one.name)
        if found is not None:
            other = found * 1.5 + 12e6 if one.unit == "time" else found * 1.5 + 1
            assert not agrees(kind, one.name, other, found), one.name
            assert not agrees(kind, one.name, other, None)


def test_the_kernel_rounds_some_times_up_to_its_ticks() -> None:
    assert agrees("pie", "tupdate", 15e6, 16e6)
    assert not agrees("pie", "tupdate", 16e6, 15e6)
    assert not agrees("pie", "target", 15e6, 16e6)


def test_words_for_tc() -> None:
    settings = {one.name: one.resolved(1514) for one in DISCIPLINES["pie"]}
    words = tc_words(
        "pie", {k: v for k, v in settings.items() if v is not None}, ecn=True, rate_bps=10**7
    )
    assert " ".join(words) == (
        "target 15000us tupdate 16000us alpha 2 beta 20 nobytemode no_dq_rate_estimator ecn"
    )
    assert tc_words("choke", {"min": 5, "probability": 0.02}, ecn=False, rate_bps=10**7) == (
        "min",
        "5",
        "probability",
        "0.02",
        "bandwidth",
        "10000000bit",
    )
    assert tc_words("sfq", {"perturb": 10e9}, ecn=False, rate_bps=1) == ("perturb", "10")


def test_statistics_have_the_kernels_numbers() -> None:
    def counted(kind: str) -> dict[str, float]:
        (sample,) = parse_messages(MESSAGES[kind])
        return decode_statistics(kind, sample.statistics)

    assert counted("pie") == {
        "probability": pytest.approx(0.0046921009),
        "delay": 49_628_000,
        "packets_in": 24518,
        "early_drops": 19,
        "full_drops": 0,
        "most_packets": 72,
        "marks": 0,
    }
    dualpi2 = counted("dualpi2")
    assert (dualpi2["marks"], dualpi2["step_marks"], dualpi2["coupled_marks"]) == (829, 829, 0)
    assert (dualpi2["l4s_packets"], dualpi2["classic_packets"]) == (4543, 73)
    assert dualpi2["credit"] == -121120
    assert counted("choke")["matched_drops"] == 30
    assert counted("fq")["throttled"] == 258
    assert counted("sfq") == {}
    for kind in DISCIPLINES:
        assert set(counted(kind)) <= set(STATISTICS)


def test_counts_of_drops_and_marks_stand_beside_them() -> None:
    found = {kind: parse_messages(MESSAGES[kind])[0] for kind in ("pie", "choke", "dualpi2")}
    assert (found["pie"].drops, found["pie"].ecn_mark) == (19, 0)
    # of a pair of the same flow choke drops both
    assert found["choke"].drops == 60
    assert found["dualpi2"].ecn_mark == 829


def test_a_message_that_is_cut_off_counts_nothing() -> None:
    for kind in DISCIPLINES:
        assert decode_statistics(kind, b"") == {}
        assert decode_statistics(kind, b"\0\1") == {}


def test_a_class_of_htb() -> None:
    (found,) = parse_classes(MESSAGES["htb class"])
    options = decode_options("htb class", found.options)
    assert options == {
        "rate": 2_000_000,
        "ceil": 4_000_000,
        "burst": 3028,
        "cburst": 3028,
        "quantum": 3028,
        "level": 0,
        "prio": 0,
    }
    roles = {found.ifindex: QdiscRole("b", "shaper", ("web", "rest"))}
    row = class_row(found, "a-b", roles)
    assert row is not None
    assert (row["class"], row["towards"], row["drops"]) == ("web", "b", 6)
    assert int(str(row["lends"])) + int(str(row["borrows"])) >= int(str(row["sent_packets"]))
    assert class_row(found, "a-b", {found.ifindex: QdiscRole("b", "shaper")}) is None


def test_a_policer_counts_without_ethernet_headers() -> None:
    (found,) = parse_policers(MESSAGES["police"])
    assert (found.rate_bps, found.burst_bytes, found.overhead) == (5_000_000, 30_000, 14)
    assert (found.seen_packets, found.drops) == (2045, 0)
    row = policer_row(found, "a-b", {found.ifindex: QdiscRole("a", "netem", (), "b")})
    assert row is not None
    assert (row["towards"], row["qdisc"], row["sent_packets"]) == ("b", "policer", 2045)
    assert policer_row(found, "a-b", {found.ifindex: QdiscRole("a", "netem")}) is None


def test_a_setting_that_there_is_not() -> None:
    with pytest.raises(KeyError):
        setting("pie", "interval")
