"""Python of scripts: what holds, what fails in which words, and that nothing else can be done."""

from __future__ import annotations

import pytest

from tcpexp.packetdrill.assertions import Assertions
from tcpexp.packetdrill.outcome import Unplayable

NAMES = {"tcpi_snd_cwnd": 10, "tcpi_options": 7, "TCPI_OPT_SYN_DATA": 32, "TCP_CA_Open": 0}


def check(text: str, **names: int) -> str | None:
    return Assertions().check(text, {**NAMES, **names})


@pytest.mark.parametrize(
    "text",
    [
        "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd",
        "assert (tcpi_options & TCPI_OPT_SYN_DATA) == 0, tcpi_options",
        "assert 5 <= tcpi_snd_cwnd <= 10, 'cwnd=%d' % tcpi_snd_cwnd",
        "\nassert tcpi_snd_cwnd == 10\nassert tcpi_options == 7   # a comment\n",
        "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd;\\\n\t assert tcpi_options == 7;\\\n",
        "x = 5; x += 5; assert x == tcpi_snd_cwnd and not x != 10",
        "assert tcpi_snd_cwnd in (9, 10) or False",
        "assert min(3, tcpi_snd_cwnd) == 3 if tcpi_options else 0",
    ],
)
def test_what_holds(text: str) -> None:
    assert check(text) is None


def test_what_fails_says_the_values() -> None:
    assert check("assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd") == (
        "assert tcpi_snd_cwnd == 11: tcpi_snd_cwnd is 10"
    )
    assert check("assert tcpi_snd_cwnd == 11, 'cwnd=%d' % tcpi_snd_cwnd") == (
        "assert tcpi_snd_cwnd == 11: tcpi_snd_cwnd is 10; cwnd=10"
    )


def test_variables_live_on_and_prints_are_kept() -> None:
    assertions = Assertions()
    assert assertions.check("cwnd = 9", NAMES) is None
    assert assertions.check("cwnd += 1; print(cwnd); assert tcpi_snd_cwnd == cwnd", NAMES) is None
    assert assertions.printed == ["10"]


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "open('/etc/passwd')",
        "().__class__",
        "[x for x in (1, 2)]",
        "while True: pass",
        "def f(): pass",
        "lambda: 1",
        "eval('1')",
        "x = unknown",
        "'%9999999d' % 1",
        "tcpi_snd_cwnd ** 99999",
        "(1).bit_length()",
        "f'{tcpi_snd_cwnd}'",
    ],
)
def test_nothing_else_can_be_done(text: str) -> None:
    with pytest.raises(Unplayable):
        check(text)


@pytest.mark.parametrize(
    "text", ["1 << 99999", "assert 1 / 0", "assert (", "x = 1 << 127 ; y = x * x * x"]
)
def test_what_costs_or_breaks_fails(text: str) -> None:
    assert check(text) is not None
