"""The kernel's configuration: what the recipe asks for is set, and read back at the end."""

from __future__ import annotations

from pathlib import Path

from tcpexp.errors import RunError
from tcpexp.places.kernel.recipe import Recipe, option_name


def merge_config(base: str, asked: list[str]) -> str:
    """Return ``base`` with the lines ``asked`` in place of its own for the same options."""
    names = {option_name(line) for line in asked}
    kept = [line for line in base.splitlines() if option_name(line) not in names or not line]
    return "\n".join([*kept, *asked]) + "\n"


def parse_config(text: str) -> dict[str, str]:
    """Return each option's value; ``n`` for those that are "not set"."""
    values = {}
    for line in text.splitlines():
        name = option_name(line)
        if name is not None:
            values[name] = "n" if line.startswith("#") else line.partition("=")[2]
    return values


def read_back_config(recipe: Recipe, final: Path) -> None:
    """Compare the final configuration with what the recipe asks for.

    Raises ``RunError`` that names every option with another value and no known reason for it.
    """
    got = parse_config(final.read_text())
    wrong = [
        f"{name} (asked: {value}, got: {got.get(name, 'n')})"
        for name, value in parse_config("\n".join(recipe.options())).items()
        if got.get(name, "n") != value and name not in recipe.exceptions
    ]
    if wrong:
        raise RunError(
            f"the kernel {recipe.name} is not configured as asked: {', '.join(wrong)}",
            hint="the source may have changed: mend config/, or give the reason under exceptions:",
        )


def compiler_of(config: str) -> str:
    """Return the compiler's own words, as the configuration has them."""
    return parse_config(config).get("CONFIG_CC_VERSION_TEXT", "unknown").strip('"')
