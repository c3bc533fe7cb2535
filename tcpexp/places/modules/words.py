"""The words of gcc and of the kernel's modpost, at their lines, and what helps."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_GCC = re.compile(
    r"^(?P<file>[^\s:][^:\n]*):(?P<line>\d+):(?:(?P<column>\d+):)? "
    r"(?P<kind>fatal error|error|warning|note): (?P<message>.*)$"
)
_INCLUDED = re.compile(r"^(?:In file included|\s+) from (?P<file>[^:\s]+):(?P<line>\d+)")
_MODPOST = re.compile(r"^(?P<kind>ERROR|WARNING): modpost: (?P<message>.*)$")
_UNDEFINED = re.compile(r'"(?P<word>\w+)" \[[^]]*\] undefined!')
_OPTION = re.compile(r"\s*\[-W[\w=-]+\]$")
MOST_ERRORS = 12


@dataclass(frozen=True)
class Diagnostic:
    """One thing that the compiler said: ``file`` beside the spec, line and column from 1.

    ``line`` 0 means that it belongs to no line; ``word`` is what it is about.
    """

    kind: str
    file: str
    line: int
    column: int
    message: str
    word: str = ""


def parse_output(output: str, renamed: Mapping[str, str], own: tuple[str, ...]) -> list[Diagnostic]:
    """Return what make's output says of the files ``own``, in its order, errors before warnings.

    ``renamed`` says how files were called when they were compiled. What is said of a header of the
    kernel, because a macro of it is used, is put where the user's file uses it.
    """
    found: list[Diagnostic] = []
    included: tuple[str, int] | None = None
    waiting: Diagnostic | None = None
    names = {**{name: name for name in own}, **renamed}
    for text in output.splitlines():
        line = _INCLUDED.match(text)
        if line is not None:
            file = names.get(Path(line["file"]).name)
            if file is not None:
                included = (file, int(line["line"]))
            continue
        gcc, post = _GCC.match(text), _MODPOST.match(text)
        if gcc is not None:
            file = names.get(Path(gcc["file"]).name)
            kind = gcc["kind"].removeprefix("fatal ")
            place = int(gcc["line"]), int(gcc["column"] or 1)
            message = _OPTION.sub("", gcc["message"]).replace("‘", "'").replace("’", "'")
            if kind == "note":
                if waiting is not None and file is not None:
                    found.append(Diagnostic(waiting.kind, file, *place, waiting.message))
                    waiting = None
            elif file is not None:
                found.append(Diagnostic(kind, file, *place, message))
                waiting, included = None, None
            elif included is not None:
                found.append(Diagnostic(kind, included[0], included[1], 1, message))
                waiting, included = None, None
            else:
                if waiting is not None:
                    found.append(waiting)
                waiting = Diagnostic(kind, "", 0, 0, f"{Path(gcc['file']).name}: {message}")
        elif post is not None:
            word = _UNDEFINED.search(post["message"])
            kind = "error" if post["kind"] == "ERROR" else "warning"
            message = re.sub(r"\[[^]]*/([\w.-]+)\]", r"[\1]", post["message"])
            found.append(Diagnostic(kind, "", 0, 0, message, word["word"] if word else ""))
    if waiting is not None:
        found.append(waiting)
    found = list(dict.fromkeys(found))
    errors = [one for one in found if one.kind == "error"]
    return [*errors[:MOST_ERRORS], *(one for one in found if one.kind != "error")]


def explain(one: Diagnostic, headers: Path, kernel: str) -> tuple[str, str | None]:
    """Return an error's message, and a hint where what is meant can be known."""
    message = one.message
    if one.word:
        near = _near(one.word, headers)
        return (
            f"the kernel lets no module use '{one.word}'",
            f"{near}only what it exports can be used: see EXPORT_SYMBOL in its source, or copy the"
            " function",
        )
    for pattern, hint in _HINTS:
        match = re.search(pattern, message)
        if match is not None:
            return message, hint(match, headers, kernel)
    return message, None


def _near(word: str, headers: Path) -> str:
    close = difflib.get_close_matches(word, exported(headers), n=1, cutoff=0.75)
    return f"did you mean '{close[0]}'? " if close else ""


@lru_cache(maxsize=4)
def exported(headers: Path) -> tuple[str, ...]:
    """Return the names that a kernel exports to modules and that TCP's have to do with."""
    try:
        lines = (headers / "Module.symvers").read_text(errors="replace").splitlines()
    except OSError:
        return ()
    names = (line.split("\t")[1] for line in lines if line.count("\t") >= 2)
    return tuple(name for name in names if "tcp" in name or "cong" in name)


def _implicit(match: re.Match[str], headers: Path, kernel: str) -> str:
    near = "" if "did you mean" in match.string else _near(match[1], headers)
    return (
        f"{near}{kernel} has no such function, or its header is not included"
        " (#include <net/tcp.h> has TCP's)"
    )


def _pointer(match: re.Match[str], headers: Path, kernel: str) -> str:
    return (
        f"the function has not the parameters that {kernel} wants: see struct tcp_congestion_ops in"
        " include/net/tcp.h. cong_control has (sk, rs) in Linux 6.1 and (sk, ack, flag, rs) in 6.12"
        " and 7.3: LINUX_VERSION_CODE of <linux/version.h> tells them apart"
    )


def _member(match: re.Match[str], headers: Path, kernel: str) -> str:
    return f"{kernel} has no such member in this struct: kernels differ here"


def _license(match: re.Match[str], headers: Path, kernel: str) -> str:
    return (
        'write MODULE_LICENSE("GPL"): what the kernel offers to congestion controls is for modules'
        " under the GPL only (EXPORT_SYMBOL_GPL)"
    )


def _include(match: re.Match[str], headers: Path, kernel: str) -> str:
    return (
        'a header of one\'s own lies beside the source, and is included by #include "..."; of the'
        " C library there is nothing in a kernel"
    )


def _undeclared(match: re.Match[str], headers: Path, kernel: str) -> str:
    return f"{kernel} does not know it, or it is declared below"


def _floating(match: re.Match[str], headers: Path, kernel: str) -> str:
    return (
        "there are no floating-point numbers in a kernel: count in 1024ths, as TCP's own code does"
    )


_HINTS = (
    (r"implicit declaration of function '(\w+)'", _implicit),
    (r"initialization of .* from incompatible pointer type", _pointer),
    (r"has no member named '(\w+)'", _member),
    (r"missing MODULE_LICENSE|GPL-incompatible module", _license),
    (r"^(\S+): No such file or directory", _include),
    (r"'(\w+)' undeclared", _undeclared),
    (r"SSE register|floating", _floating),
)
