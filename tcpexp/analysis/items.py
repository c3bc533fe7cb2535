"""A line of the certificate, and when it may say that something was not measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ItemVerdict = Literal["ok", "suspect", "not measured"]


@dataclass(frozen=True)
class Item:
    """One line of the certificate: what was asked, what the kernel read back, what was measured,
    and the verdict.

    ``not measured`` always has its reason in ``why``: there was nothing to measure. What should
    have been measured and was not is suspect.
    """

    name: str
    asked: str
    measured: str
    verdict: ItemVerdict
    why: str = ""
    read_back: str = ""

    def __post_init__(self) -> None:
        if self.verdict == "not measured" and not self.why:
            raise ValueError(f"'{self.name}' was not measured, for no reason")
        if self.verdict == "suspect" and not self.why:
            raise ValueError(f"'{self.name}' is suspect, for no reason")
