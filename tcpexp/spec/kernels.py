"""From which kernel on something of a spec holds, and before which: ``since_kernel: "6.5"`` of a
check, ``{since 6.5: ...}`` of a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tcpexp.units import QuantityError

_VERSION = re.compile(r"\d{1,3}\.\d{1,3}")
_HEAD = re.compile(r"(?:since (?P<since>\S+?))?(?:,? ?\bbefore (?P<before>\S+?))?")
_HINT = "write {since 6.5: words}, {before 6.5: words} or {since 6.2, before 6.6: words}"


def parse_kernel(text: object) -> str:
    """Return a kernel version such as ``6.5``; raises ``QuantityError``."""
    if isinstance(text, str) and _VERSION.fullmatch(text):
        return text
    raise QuantityError(f"'{text}' is not a kernel version", 'write it in quotes: "6.5"')


def kernel_numbers(release: str) -> tuple[int, int] | None:
    """Return (6, 1) for ``6.1.0-56-cloud-amd64``, None for what does not begin like that."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return None if match is None else (int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Kernels:
    """The kernels from ``since`` on and before ``before``, each such as ``6.5``, or no bound."""

    since: str | None = None
    before: str | None = None

    @property
    def all(self) -> bool:
        """Whether every kernel is one of them."""
        return self.since is None and self.before is None

    @property
    def none(self) -> bool:
        """Whether no kernel is one of them."""
        return self._first >= self._end

    def has(self, numbers: tuple[int, int]) -> bool:
        """Whether the kernel with these numbers, such as (6, 12), is one of them."""
        return self._first <= numbers < self._end

    def within(self, other: Kernels) -> bool:
        """Whether each of them is one of ``other``."""
        return other._first <= self._first and self._end <= other._end

    @property
    def words(self) -> str:
        """Such as ``Linux 6.5 and later``."""
        if self.since is None:
            return "any Linux" if self.before is None else f"Linux before {self.before}"
        later = "and later" if self.before is None else f"up to, but not, {self.before}"
        return f"Linux {self.since} {later}"

    @property
    def head(self) -> str:
        """As a text writes it: ``since 6.5``."""
        return ", ".join(
            f"{word} {version}"
            for word, version in (("since", self.since), ("before", self.before))
            if version is not None
        )

    @property
    def _first(self) -> tuple[int, int]:
        return (0, 0) if self.since is None else kernel_numbers(self.since) or (0, 0)

    @property
    def _end(self) -> tuple[int, int]:
        return (10**6, 0) if self.before is None else kernel_numbers(self.before) or (0, 0)


def parse_kernels(head: str) -> Kernels:
    """Return the kernels that ``since 6.5`` means, or ``before 6.5``, or both.

    Raises ``QuantityError``.
    """
    match = _HEAD.fullmatch(head.strip())
    if match is None or not match[0]:
        raise QuantityError(f"'{head.strip()}' does not say which kernels", _HINT)
    try:
        since, before = (
            None if version is None else parse_kernel(version)
            for version in (match["since"], match["before"])
        )
    except QuantityError as error:
        raise QuantityError(error.message, _HINT) from None
    kernels = Kernels(since, before)
    if kernels.none:
        raise QuantityError(f"no kernel is '{head.strip()}'", _HINT)
    return kernels
