"""Numbers that an explanation takes from its run: ``{metric: flows.up.goodput_bps}``, ``{check:
2}``, ``{is: 500 * 1514 * 8 / 10mbit, as: time}``; and words that hold for some kernels only:
``{since 6.17: RACK cannot be switched off.}``.

A text that states a number which another run measured is wrong as soon as a seed or a kernel
differs. So a number that was measured is named, not written, and filled in when the report of a run
is made; what follows from parameters is computed. Everything is checked when the spec is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tcpexp.record.metrics import PARTS
from tcpexp.registry import suggest
from tcpexp.spec.expressions import Expression, parse_expression
from tcpexp.spec.kernels import Kernels, parse_kernels
from tcpexp.units import QuantityError
from tcpexp.words import quoted

Kind = Literal["metric", "check", "is"]
#: Which parts of ``metrics.json`` hold names of what kind.
KIND_OF_PART = {
    "flows": "flow",
    "counters": "host or router",
    "queues": "direction",
    "links": "direction",
}
#: What ``as:`` may say, and the base unit that it is of.
FORMS: dict[str, str] = {
    "rate": "bit/s",
    "time": "seconds",
    "size": "bytes",
    "percent": "a fraction",
    "number": "no unit",
    "words": "as measured",
}
#: How a number is written in each form; the number is in the form's base unit.
_WRITTEN: dict[str, Callable[[float], str]] = {
    "rate": quoted.rate_words,
    "time": quoted.time_words,
    "size": quoted.size_words,
    "percent": quoted.fraction_words,
    "number": quoted.number_words,
    "words": quoted.number_words,
}
#: How a metric is written when nothing is said, by the end of its name: form, and what one of its
#: unit is in the base unit.
BY_ENDING: tuple[tuple[str, str, float], ...] = (
    ("_bps", "rate", 1.0),
    ("_ns", "time", 1e-9),
    ("_us", "time", 1e-6),
    ("_ms", "time", 1e-3),
    ("_s", "time", 1.0),
    ("_bytes", "size", 1.0),
    ("share", "percent", 1.0),
    ("utilization", "percent", 1.0),
)
#: What stands for a number where no run is at hand.
UNMEASURED = "(measured in each run)"
_QUOTE = re.compile(r"\{(metric|check|is):\s*([^{}]*?)(?:,\s*as:\s*(\w+))?\s*\}")
#: Words for some kernels; numbers may be quoted in them. With the blank before it, which goes with
#: it.
_PASSAGE = re.compile(r"( ?)\{((?:since|before)\b[^:{}]*): ((?:[^{}]|\{[^{}]*\})*)\}")
_HINT = (
    "write {metric: flows.NAME.goodput_bps}, {check: 1} (the first of expect:) or {is: 20ms + 12 *"
    " 1448 / 10mbit, as: time}"
)


@dataclass(frozen=True)
class Quote:
    """One number in a text: where from (a metric's path, a check's number from 1 on, an
    expression), and how it is written.
    """

    kind: Kind
    what: str
    form: str | None

    @property
    def expression(self) -> Expression:
        """What is computed; raises ``QuantityError``."""
        return parse_expression(self.what)


def find_quotes(text: str) -> Iterator[Quote]:
    """Yield the quotes of a text, in order."""
    for match in _QUOTE.finditer(text):
        yield _quote(match)


def _quote(found: re.Match[str]) -> Quote:
    kind: Kind = found[1]  # type: ignore[assignment]
    return Quote(kind, found[2].strip(), found[3])


def for_kernel(text: str, numbers: tuple[int, int] | None) -> str:
    """Return ``text`` as it reads for the kernel with these numbers, such as (6, 12).

    Without numbers, what holds for some kernels only says for which.
    """

    def read(found: re.Match[str]) -> str:
        kernels = parse_kernels(found[2])
        if numbers is None:
            return f"{found[1]}[{kernels.words}: {found[3]}]"
        return f"{found[1]}{found[3]}" if kernels.has(numbers) else ""

    return _PASSAGE.sub(read, text)


def fill(text: str, words: Callable[[Quote], str]) -> str:
    """Return ``text`` with every quote replaced by what ``words`` says for it."""
    return _QUOTE.sub(lambda found: words(_quote(found)), text)


def form_of(quote: Quote) -> tuple[str, float]:
    """Return how a quote is written, and the factor that turns its number into the form's base
    unit.
    """
    name = quote.what.rpartition(".")[2]
    for ending, form, factor in BY_ENDING if quote.kind == "metric" else ():
        if name.endswith(ending):
            return quote.form or form, factor
    return quote.form or ("number" if quote.kind != "check" else "words"), 1.0


def without_run(text: str) -> str:
    """Return ``text`` as it reads where no run is at hand: what is computed stands there, what is
    measured is said to be, and what holds for some kernels only says for which.
    """
    return fill(
        for_kernel(text, None),
        lambda quote: (
            written(quote, float(quote.expression.value({}))) if quote.kind == "is" else UNMEASURED
        ),
    )


def written(quote: Quote, value: float) -> str:
    """Return a number in the quote's form: ``9.48 Mbit/s``, ``606 ms``, ``64.3 kB``, ``52.3 %``,
    ``12``.
    """
    form, factor = form_of(quote)
    return _WRITTEN[form](value * factor)


def quote_errors(
    text: str, checks: Sequence[Kernels], names: Mapping[str, Iterable[str]]
) -> Iterator[QuantityError]:
    """Yield an error for each quote that cannot be filled in: a part of metrics.json or a name that
    no run has, a check that is not there or not made on every kernel for which the words hold, bad
    arithmetic; and for each passage that does not say for which kernels it holds.

    ``checks`` are the kernels that each check of ``expect:`` is about, ``names`` the plan's, by the
    kinds of ``KIND_OF_PART``.
    """
    for part, head in _parts(text):
        try:
            kernels = Kernels() if head is None else parse_kernels(head)
        except QuantityError as error:
            yield error
            continue
        for quote in find_quotes(part):
            try:
                _check(quote, checks, names, kernels)
            except QuantityError as error:
                yield error


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the parts of a text, each with the head of the passage that it is, if it is one."""
    position = 0
    for found in _PASSAGE.finditer(text):
        yield text[position : found.start()], None
        yield found[3], found[2]
        position = found.end()
    yield text[position:], None


def _check(
    quote: Quote, checks: Sequence[Kernels], names: Mapping[str, Iterable[str]], kernels: Kernels
) -> None:
    if quote.form is not None and quote.form not in FORMS:
        raise QuantityError(
            f"'{quote.form}' is no way to write a number",
            suggest(quote.form, list(FORMS)) or f"as: is one of {', '.join(FORMS)}",
        )
    if quote.kind == "is":
        if quote.expression.names:
            raise QuantityError(
                f"'{quote.what}' names {', '.join(sorted(quote.expression.names))}",
                "numbers, quantities and arithmetic only",
            )
        quote.expression.value({})
    elif quote.kind == "check":
        _check_check(quote.what, checks, kernels)
    else:
        _check_metric(quote.what.split("."), names)


def _check_check(number: str, checks: Sequence[Kernels], kernels: Kernels) -> None:
    if not number.isdigit() or not 1 <= int(number) <= len(checks):
        raise QuantityError(
            f"there is no check '{number}'",
            f"expect: has {len(checks)}, counted from 1" if checks else _HINT,
        )
    made = checks[int(number) - 1]
    if not kernels.within(made):
        raise QuantityError(
            f"check {number} is made on {made.words} only",
            f"write {{{made.head}: words with {{check: {number}}}}}, or quote another",
        )


def _check_metric(path: list[str], names: Mapping[str, Iterable[str]]) -> None:
    if path[0] not in PARTS:
        raise QuantityError(
            f"metrics.json has no part '{path[0]}'",
            suggest(path[0], list(PARTS)) or f"it has {', '.join(PARTS)} (docs/reference/data.md)",
        )
    kind = KIND_OF_PART.get(path[0])
    if kind is None or len(path) < 2 or path[1].isdigit():
        return
    known = sorted(names.get(kind, ()))
    if path[1] not in known:
        raise QuantityError(
            f"there is no {kind} '{path[1]}' in this experiment",
            suggest(path[1], known) or f"there is {', '.join(known) or 'none'}",
        )
