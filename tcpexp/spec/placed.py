"""``PlacedError``: what a model found wrong at a place below the value that it was given."""

from __future__ import annotations

from tcpexp.units import QuantityError


class PlacedError(QuantityError):
    """An error at ``path`` below the value that is being validated.

    ``key`` means the key itself, not its value.
    """

    def __init__(
        self, message: str, hint: str, path: tuple[str | int, ...] = (), *, key: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.path = path
        self.key = key
