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


#: Without these no experiment runs: a source that does not have them is of no use.
NEEDED = tuple(
    f"CONFIG_{name}"
    for name in (
        "UML_TIME_TRAVEL_SUPPORT",
        "STATIC_LINK",
        "HOSTFS",
        "TMPFS",
        "NET_NS",
        "INET",
        "VETH",
        "PACKET",
        "BPF_SYSCALL",
        "NET_SCH_NETEM",
        "NET_SCH_HTB",
        "NET_CLS_BPF",
        "INET_DIAG",
    )
)


def absent_options(recipe: Recipe, final: Path, asked_by_user: str) -> dict[str, str]:
    """Return the options that a source does not have for which the recipe was not written.

    Each with the reason, as the recipe's exceptions. What a user asked for (the lines of
    ``asked_by_user``) and what no experiment runs without is not among them.
    """
    got, own = parse_config(final.read_text()), parse_config(asked_by_user)
    return {
        name: f"Linux {recipe.series} does not have it, or not so"
        for name, value in parse_config("\n".join(recipe.options())).items()
        if value != "n" and name not in got and name not in own and name not in NEEDED
    }


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
