"""``tcpexp list --search``: a lab sheet's words find the experiment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcpexp.catalogue.cards import Card, CheckWords, load_cards
from tcpexp.catalogue.search import find_cards, settings, stems, tags
from tcpexp.cli.main import main


def card(
    name: str,
    title: str = "",
    description: str = "",
    explain: str = "",
    checks: tuple[CheckWords, ...] = (),
    path: Path = Path("/dev/null"),
) -> Card:
    return Card(name, path, title or name, description, explain, (), "two_host", (), 5.0, checks)


@pytest.fixture(scope="module")
def shipped() -> list[Card]:
    return load_cards(strict=True)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Observe how many SYNs are sent, and estimate the RTO", "synack_drop"),
        ("Which side closes first and therefore holds TIME-WAIT?", "handshake_teardown"),
        ("zero window probes of a receive buffer of 1024 bytes", "slow_receiver"),
        ("net.ipv4.tcp_syncookies", "syn_flood_cookies"),
        (
            "download a file over a link with duplicate, reordered and corrupted packets",
            "impaired_download",
        ),
        ("TcpExt.TCPReqQFullDrop", "syn_flood"),
        ("deep buffers and bufferbloat", "bbr_vs_cubic_deep"),
    ],
)
def test_a_lab_sheets_sentence_finds_the_experiment(
    question: str, name: str, shipped: list[Card]
) -> None:
    found = [hit.card.name for hit in find_cards(question, shipped)]
    assert name in found[:5], found


def test_one_that_has_all_words_comes_before_one_that_has_one_of_them_often() -> None:
    both = card("both", description="SYNs are repeated. The RTO doubles.")
    often = card("often", title="SYN and SYN", description="A SYN, another SYN. And a third SYN.")
    assert [
        hit.card.name
        for hit in find_cards(
            "how many SYNs, and what RTO", [often, both, card("none", "something else")]
        )
    ] == ["both", "often"]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    cards = [card(f"c{number}", "a window") for number in range(5)] + [
        card("rare", explain="A persist timer.")
    ]
    assert find_cards("window, persist timer", cards)[0].card.name == "rare"


def test_words_that_say_nothing_find_nothing(shipped: list[Card]) -> None:
    assert find_cards("explain how this is sent", shipped) == []
    assert find_cards("xyzzy", shipped) == []
    assert find_cards("", shipped) == []


def test_a_hit_shows_where_the_words_are() -> None:
    check = CheckWords("SYNs from h1 in the whole run", "7, at 0 s, 1 s", "the RTO doubles")
    (hit,) = find_cards(
        "SYNs and their times", [card("one", "other", "Something. Else.", checks=(check,))]
    )
    assert hit.line == "SYNs from h1: 7, at 0 s, 1 s"
    assert hit.words == ("SYN",)


def test_endings_do_not_matter() -> None:
    assert stems("retries") == stems("retry")
    assert stems("probing closed windows") == stems("probes closes window")
    assert stems("loss") == ["loss"]


def test_tags_come_from_the_question_or_from_what_is_explained_more_than_once(
    tmp_path: Path,
) -> None:
    spec = tmp_path / "x.yaml"
    spec.write_text("hosts: {h1: {sysctls: {net.ipv4.tcp_syn_retries: 3}}}\n")
    about = card(
        "x",
        description="Who holds TIME-WAIT?",
        explain="The RTO. An RTO. Nagle is not meant. See TcpExt.TCPTimeouts.",
        path=spec,
    )
    assert tags(about) == ("retransmission timeout (RTO)", "TIME-WAIT")
    assert settings(about) == ("TcpExt.TCPTimeouts", "tcp_syn_retries")


def test_list_search_prints_and_counts_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--search", "estimate the RTO"]) == 0
    assert "dead_host" in capsys.readouterr().out
    assert main(["list", "experiments", "--search", "estimate the RTO", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert "dead_host" in [row["name"] for row in rows]
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert main(["list", "--search", "xyzzy"]) == 0
    assert "no experiment is about 'xyzzy'" in capsys.readouterr().err
    assert main(["list", "actions", "--search", "x"]) == 2
