"""``PlacedError`` and ``NestedErrors``: what a model found wrong at a place below the value that it
was given.
"""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from tcpexp.units import QuantityError


class NestedErrors(ValueError):
    """Errors of a model that was chosen by what stands in the spec: ``model`` says which keys it
    knows.

    ``path`` leads to it.
    """

    def __init__(
        self, error: ValidationError, model: type[BaseModel], path: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.model = model
        self.path = path


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
