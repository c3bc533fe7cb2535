"""How programs end, in words, and what a spec may expect of them."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from tcpexp.actions.common import ExpectedStatus
from tcpexp.plan.endings import (
    cause,
    ending_words,
    error_in_json,
    is_crash,
    is_expected,
    last_words,
    step_name,
)


class Holder(BaseModel):
    status: ExpectedStatus


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (28, ("28",)),
        ([0, 28], ("0", "28")),
        ("any", ("any",)),
        ("signal", ("signal",)),
        ("KILL", ("SIGKILL",)),
        ("SIGSEGV", ("SIGSEGV",)),
        (-9, ("SIGKILL",)),
    ],
)
def test_what_may_be_written(written, kept):
    assert Holder(status=written).status == kept


@pytest.mark.parametrize("written", [256, True, "often", [], [0, "x"], 1.5, None])
def test_what_may_not(written):
    with pytest.raises(ValidationError):
        Holder(status=written)


@pytest.mark.parametrize(
    ("status", "expected", "fits"),
    [
        (0, ("0",), True),
        (1, ("0",), False),
        (28, ("0", "28"), True),
        (0, ("28",), False),
        (-9, ("SIGKILL",), True),
        (-9, ("signal",), True),
        (9, ("signal",), False),
        (-11, ("0",), False),
        (-11, ("any",), True),
        (200, ("any",), True),
    ],
)
def test_what_fits(status, expected, fits):
    assert is_expected(status, expected) is fits


def test_words():
    assert ending_words(3) == "ended with status 3"
    assert ending_words(-11) == "was killed by SIGSEGV (segmentation fault)"
    assert ending_words(-15) == "was killed by SIGTERM"
    assert is_crash(-6) and not is_crash(-15) and not is_crash(134)


def test_the_id_is_the_name_else_the_label():
    assert step_name("echo", "echo.py on h2") == "echo"
    assert step_name("a00.server", "iperf3 server for x") == "iperf3 server for x"
    assert step_name("a12", "ls on h1") == "ls on h1"
    assert step_name("abc", "ls on h1") == "abc"


def test_last_words_are_those_of_the_error_output():
    assert last_words("one\n\ntwo\n", "three") == ("one", "two")
    assert last_words("  \n", "three\n") == ("three",)
    assert last_words("", '{"start": {}, "end": {}, "error": "refused"}') == ("refused",)
    assert len(last_words("x\n" * 100, "")) == 8


def test_the_cause_is_the_line_that_speaks_of_an_error():
    assert cause(
        ["nmap: unrecognized option '--foo'", "See the output of nmap -h for a summary of options."]
    ).startswith("nmap: unrecognized")
    assert cause(
        [
            "Traceback (most recent call last):",
            '  File "x.py", line 3',
            "ConnectionResetError: [Errno 104] reset",
        ]
    ).startswith("Conn")
    assert cause(["one", "two"]) == "two"
    assert cause([]) == "it wrote nothing"


@pytest.mark.parametrize(
    "output",
    [
        "",
        "no json",
        '{"error": "of another"}',
        '{"start": {}, "end": {}}',
        '{"start": {}, "end": {}, "error": ""}',
        "{",
    ],
)
def test_only_iperf3s_report_has_an_error(output):
    assert error_in_json(output) is None
