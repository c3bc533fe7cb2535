"""How a program ends, in words, and whether a spec expects it.

Standard library only: the engine and the analysis both read it.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Sequence

#: What ``expect_status`` means when a spec is silent: a program ends with 0.
EXPECTED = ("0",)
#: Any exit status and any signal; any signal.
ANY, ANY_SIGNAL = "any", "signal"
#: Signals that ask a program to end, or end it.
STOPPING = ("TERM", "INT", "KILL", "HUP", "QUIT")
#: Signals by which the kernel, or the C library, ends a program that went wrong. Being asked to end
#: excuses none of them.
CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGSYS")
MOST_LINES, LINE_LENGTH = 8, 300
#: The status of what starts a program that is not there, or may not be executed (POSIX, Shell
#: Command Language, 2.8.2).
NOT_FOUND, NOT_EXECUTABLE = 127, 126
#: What an error counts as that iperf3 reports while it ends with 0.
REPORTED = 1
_TELLING = re.compile(
    r"error|exception|fail|cannot|can't|could not|couldn't|unable|not found|no"
    r" such|refused|denied|invalid|unrecogni|unknown|illegal|usage:",
    re.IGNORECASE,
)
_GIVEN_ID = re.compile(r"a\d\d+(\.|$)")


def is_expected(status: int, expected: Sequence[str]) -> bool:
    """Return whether a status (negative: the signal that ended the program) is one of ``expected``:
    numbers, ``SIGKILL``..., ``signal``, ``any``.
    """
    if ANY in expected or str(status) in expected:
        return True
    return status < 0 and (ANY_SIGNAL in expected or signal_name(-status) in expected)


def is_crash(status: int) -> bool:
    """Return whether a status is that of a program which went wrong in a way that no stop signal
    explains.
    """
    return status < 0 and signal_name(-status) in CRASHES


def signal_name(number: int) -> str:
    """Return a signal's name, ``SIGSEGV``.

    >>> signal_name(11)
    'SIGSEGV'
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ending_words(status: int) -> str:
    """Return how a program ended.

    >>> ending_words(2), ending_words(-11)
    ('ended with status 2', 'was killed by SIGSEGV (segmentation fault)')
    """
    if status >= 0:
        return f"ended with status {status}"
    name = signal_name(-status)
    words = {
        "SIGSEGV": "segmentation fault",
        "SIGABRT": "abort",
        "SIGBUS": "bus error",
        "SIGFPE": "arithmetic error",
        "SIGILL": "illegal instruction",
    }
    return f"was killed by {name}" + (f" ({words[name]})" if name in words else "")


def step_name(step_id: str, label: str) -> str:
    """Return what a step is called: the ``id`` that the spec gave it, else its label."""
    return label if _GIVEN_ID.match(step_id) else step_id


def last_words(error_output: str, output: str) -> tuple[str, ...]:
    """Return the last lines that a program wrote: of its error output, else its error in JSON
    (iperf3), else of its standard output.
    """
    lines = _tail(error_output)
    if lines:
        return lines
    reported = error_in_json(output)
    return (reported,) if reported else _tail(output)


def cause(words: Sequence[str]) -> str:
    """Return the one of a program's last lines that says most: the last that speaks of an error,
    else the last.

    >>> cause(["x: unrecognized option '--foo'", "See x -h for help."])
    "x: unrecognized option '--foo'"
    """
    if not words:
        return "it wrote nothing"
    return next(
        (line.strip() for line in reversed(words) if _TELLING.search(line)), words[-1].strip()
    )


def error_in_json(output: str) -> str | None:
    """Return the ``error`` of iperf3's JSON report, None when there is none: with ``--json`` iperf3
    may write it there and end with 0 (3.12 does).
    """
    start = output.find("{")
    if start < 0 or '"error"' not in output:
        return None
    try:
        report, _ = json.JSONDecoder().raw_decode(output[start:])
    except ValueError:
        return None
    error = (
        report.get("error")
        if isinstance(report, dict) and {"start", "end"} <= set(report)
        else None
    )
    return error[:LINE_LENGTH] if isinstance(error, str) and error else None


def _tail(text: str) -> tuple[str, ...]:
    lines = [line.rstrip()[:LINE_LENGTH] for line in text.splitlines() if line.strip()]
    return tuple(lines[-MOST_LINES:])
