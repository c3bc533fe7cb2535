"""The services as protocols: calculator, DNS, files; and the words of the options."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest

from tcpexp.tcp.adapters.network import NetworkError
from tcpexp.tcp.services.calculator import CalculatorError, calculate
from tcpexp.tcp.services.client import ask_calculator
from tcpexp.tcp.services.dns import DnsError, answer_query, load_zone, make_query, read_answer
from tcpexp.tcp.services.program import Program, explain, settings_of
from tcpexp.tcp.services.protocols import CalculatorService, DnsService, FileService, generate
from tcpexp.tcp.services.words import (
    duration_ns,
    fraction,
    make_config,
    make_link,
    port_range,
    size_bytes,
)

ZONE = """\
$ORIGIN lab.test.
$TTL 600
@     IN MX 10 mail
www   IN CNAME web   ; an alias
web   IN A 192.0.2.80
web   IN AAAA 2001:db8::80
mail  300 IN A 192.0.2.25
a     IN CNAME b
b     IN CNAME a
note  IN TXT "two words"
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+1", "2"),
        ("2+3*4", "14"),
        ("(2+3)*4", "20"),
        ("-2^2", "-4"),
        ("2^3^2", "512"),
        ("2**-2", "0.25"),
        ("7%4", "3"),
        ("1/3", "0.333333333333333"),
        (".5+1.5", "2"),
        ("--1", "1"),
        ("10/4", "2.5"),
        ("-7%4", "1"),
        ("2^4096/2^4095", "2"),
        ("0.1+0.2", "0.3"),
    ],
)
def test_the_calculator_knows_arithmetic(text: str, value: str) -> None:
    assert calculate(text) == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no expression"),
        ("1+", "ends too early"),
        ("1 1", "'1' is too much"),
        ("(1", "ends too early"),
        ("(1 2", "')' is missing"),
        ("1/0", "division by zero"),
        ("0^-1", "division by zero"),
        ("5%0", "division by zero"),
        ("import os", "'i' at column 1"),
        ("__x", "'_' at column 1"),
        ("9^9^9", "too large"),
        ("2^0.5", "whole number"),
        ("(" * 60 + "1" + ")" * 60, "nested"),
        ("1" * 1001, "longer"),
        ("*1", "where a number"),
        ("9" * 999 + "*", "ends too early"),
    ],
)
def test_the_calculator_says_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(CalculatorError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        calculate(text)


def test_lines_are_answered_one_by_one_however_they_arrive() -> None:
    service = CalculatorService()
    assert service.feed(b"1+") == b""
    assert service.feed(b"1\n2*") == b"= 2\n"
    assert service.feed(b"3\r\n1/0\n") == b"= 6\nERROR division by zero\n"
    assert service.feed(b"1" * 5000) == b"ERROR request too long\n"


def test_files_come_with_size_and_hash() -> None:
    content = generate(2000, 1)
    service = FileService({"small": content})
    digest = hashlib.sha256(content).hexdigest().encode()
    reply = (
        b"OK 2000 "
        + digest
        + b"\n"
        + content
        + b"ERROR there is no file none\nERROR write: GET name\n"
    )
    assert service.feed(b"GET small\nGET none\nDELETE small\n") == reply
    assert generate(2000, 1) == content != generate(2000, 2)


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "values"),
    [
        ("web.lab.test", "A", 0, ["192.0.2.80"]),
        ("WWW.lab.test", "AAAA", 0, ["web.lab.test", "2001:db8::80"]),
        ("lab.test", "MX", 0, ["10 mail.lab.test"]),
        ("note.lab.test", "TXT", 0, ["two words"]),
        ("web.lab.test", "MX", 0, []),
        ("none.lab.test", "A", 3, []),
        ("a.lab.test", "A", 0, ["b.lab.test", "a.lab.test"]),
    ],
)
def test_names_of_the_zone_are_answered(
    name: str, kind: str, rcode: int, values: list[str]
) -> None:
    answer = read_answer(answer_query(make_query(name, kind, 7), load_zone(ZONE)))
    assert (answer.rcode, [record.value for record in answer.records]) == (rcode, values)


def test_a_message_that_is_no_query_gets_an_error() -> None:
    zone = load_zone(ZONE)
    assert answer_query(b"xy", zone)[3] & 15 == 1
    assert read_answer(answer_query(make_query("a", "A", 1)[:-3], zone)).rcode == 1
    loop = make_query("a", "A", 1)[:12] + b"\xc0\x0c\0\1\0\1"
    assert read_answer(answer_query(loop, zone)).rcode == 1
    response = bytearray(make_query("a", "A", 1))
    response[2] |= 0x80
    assert read_answer(answer_query(bytes(response), zone)).rcode == 4


def test_dns_messages_stand_behind_their_length() -> None:
    service, query = DnsService(load_zone(ZONE)), make_query("web.lab.test", "A", 9)
    framed = len(query).to_bytes(2, "big") + query
    assert service.feed(framed[:5]) == b""
    reply = service.feed(framed[5:] + framed)
    assert len(reply) % 2 == 0 and reply[: len(reply) // 2] == reply[len(reply) // 2 :]


@pytest.mark.parametrize(
    "line",
    [
        "x IN A nonsense",
        "x IN A 2001:db8::1",
        "x IN",
        "x IN SRV 1 2",
        f"{'x' * 64} IN A 192.0.2.1",
        "x IN MX mail",
    ],
)
def test_a_zone_file_that_cannot_be_read_names_the_line(line: str) -> None:
    with pytest.raises(DnsError, match="line 2"):
        load_zone("$ORIGIN lab.test.\n" + line)


def test_a_name_that_cannot_be_asked() -> None:
    for name, kind in (
        ("a..b", "A"),
        ("ä.test", "A"),
        ("a.test", "ANY"),
        (".".join(["x" * 60] * 5), "A"),
    ):
        with pytest.raises(DnsError):
            make_query(name, kind, 1)


def test_settings_that_are_words() -> None:
    found = make_config(["icmp_soft_ends_attempts=time exceeded, host unreachable"])
    assert found.icmp_soft_ends_attempts == ("time exceeded", "host unreachable")
    assert make_config(["ecn=accurate", "ecn_as_client=off"]).ecn_as_client == "off"


def test_each_request_on_a_connection_of_its_own() -> None:
    """The connection begins with the request, from the next of the local ports."""
    given = {"server": "10.0.0.2", "expressions": ["1+1", "2+2"], "local-ports": "60000-60001"}
    given = {key.replace("-", "_"): value for key, value in given.items()}
    opened: list[tuple[int, bytes]] = []

    class Answering:
        def connect(self, *server: object, local_port: int, data: bytes, **_: object) -> object:
            opened.append((local_port, data))
            return SimpleNamespace(recv=lambda most: b"= 2\n", close=lambda: None)

    for each in (True, False):
        program = Program("calc", settings_of("calc", {**given, "each": each, "json": True}))
        program.host = Answering()  # type: ignore[assignment]
        program.host.stack = SimpleNamespace(_next_port=49152 + 1)  # type: ignore[assignment]
        if each:
            for sock, expressions in program.conversations(["1+1", "2+2", "3+3"]):
                ((_, value, _),) = ask_calculator(sock, expressions)
                assert value == "2"
        else:
            with pytest.raises(TypeError):  # no __enter__: connected, and nothing asked yet
                next(program.conversations(["1+1"]))
    assert opened == [(60_001, b"1+1\n"), (60_000, b"2+2\n"), (60_001, b"3+3\n"), (60_001, b"")]


def test_words_of_options() -> None:
    assert (
        duration_ns("1.5s"),
        size_bytes("2kB"),
        fraction("5%"),
        port_range("7000"),
        port_range("1-9"),
    ) == (1_500_000_000, 2000, 0.05, (7000, 7000), (1, 9))
    config = make_config(
        [
            "mss=1024",
            "sack=off",
            "msl=500ms",
            "rto_min_ns=200ms",
            "congestion_control=tahoe",
            "initial_ssthresh=64kB",
        ]
    )
    assert (
        config.mss,
        config.sack,
        config.msl_ns,
        config.rto_min_ns,
        config.congestion_control,
    ) == (1024, False, 500_000_000, 200_000_000, "tahoe")
    link = make_link("loss=5%,delay=10ms,drop=3+7,seed=1")
    assert (link.loss, link.delay_ns, sorted(link.drop), link.seed) == (0.05, 10_000_000, [3, 7], 1)


@pytest.mark.parametrize(
    "word", ["mmss=1", "mss", "mss=x", "mss=0", "sack=maybe", "congestion_control=best", "msl=5"]
)
def test_a_wrong_setting_is_refused(word: str) -> None:
    with pytest.raises(ValueError):
        make_config([word])


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("xyzzy=1", "no setting 'xyzzy'; there are .*, delayed_ack, delayed_ack_ns, .*, msl, "),
        ("mss", "write mss=value"),
        ("msl", "write msl=value"),
    ],
)
def test_a_wrong_setting_says_what_there_is(word: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_config([word])


@pytest.mark.parametrize("text", ["loss=200%", "loss", "drop=a", "delay=1", "size=1"])
def test_a_wrong_impairment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        make_link(text)


@pytest.mark.parametrize(
    ("command", "given", "complaint"),
    [
        (
            "get",
            {"server": "127.0.0.1", "names": ["x"], "port": "99999"},
            "--port: '99999' is not a port",
        ),
        ("serve", {"calc_port": "0"}, "--calc-port: '0' is not a port"),
        (
            "get",
            {"server": "127.0.0.1", "names": ["x"], "timeout": "5"},
            "--timeout: '5' is not a duration",
        ),
        ("source", {"server": "127.0.0.1", "count": "many"}, "--count: 'many' is not a number"),
    ],
)
def test_a_wrong_option_is_named(command: str, given: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        settings_of(command, given)


def test_a_folder_that_is_not_there_is_noticed_before_anything_is_sent() -> None:
    settings = settings_of("get", {"server": "127.0.0.1", "names": ["x"], "out": "/nowhere/at/all"})
    with pytest.raises(ValueError, match="--out: there is no folder '/nowhere/at/all'"):
        Program("get", settings).run()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (NetworkError("no", "because"), 3, ("no", "because")),
        (TimeoutError("no answer"), 1, ("no answer", "is the server running")),
        (ConnectionResetError("reset"), 1, ("reset", "")),
        (
            FileNotFoundError(2, "No such file or directory", "lab.zone"),
            2,
            ("lab.zone: No such file or directory", ""),
        ),
        (ValueError("wrong"), 2, ("wrong", "")),
    ],
)
def test_how_a_command_ends(error: Exception, status: int, words: tuple[str, str]) -> None:
    found, message, hint = explain(error)
    assert (found, message) == (status, words[0])
    assert hint.startswith(words[1])
