"""What the laboratory answers when it does not do what it was asked."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that is not done: an HTTP status, a sentence, and what the page should know."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.more = more
