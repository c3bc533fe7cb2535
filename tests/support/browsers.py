"""The browser in which tests open pages."""

from __future__ import annotations

import shutil
from functools import cache


@cache
def find_browser() -> str | None:
    """Return the path of a Chromium that can be driven, or None."""
    return next(
        (
            path
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (path := shutil.which(name))
        ),
        None,
    )
