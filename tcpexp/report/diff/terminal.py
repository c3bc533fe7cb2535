"""A comparison of two runs for the terminal: the packets first, then what differs, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.report.diff.values import Difference, value_words
from tcpexp.words.shown import change_words

if TYPE_CHECKING:
    from rich.console import Console

    from tcpexp.report.diff.compare import Comparison

#: The resolved plan and a long list of metrics are shown up to here; the page and ``--json`` have
#: all.
MOST_ROWS = 25


def print_comparison(
    comparison: Comparison,
    threshold: float,
    console: Console | None = None,
    *,
    everything: bool = False,
) -> None:
    """Print what differs; ``everything`` lifts the limit on rows and adds the resolved plan and
    what the certificate measured.
    """
    from rich.console import Console as RichConsole

    out = console or RichConsole(highlight=False)
    for letter, run in (("A", comparison.a), ("B", comparison.b)):
        out.print(f"{letter}  {run.path}", markup=False, soft_wrap=True)
    out.print()
    out.print(
        comparison.headline(),
        style="bold green" if comparison.same_packets else "bold yellow",
        markup=False,
    )
    most = None if everything else MOST_ROWS
    _print_differences("spec", comparison.spec, out, most)
    _print_verdicts(comparison, out)
    measured = comparison.measured(threshold)
    _print_differences("metrics", measured, out, most)
    small = len(comparison.metrics) - len(measured)
    if small:
        out.print(
            f"{small} more metrics changed by at most {threshold * 100:g} % (--all)", style="dim"
        )
    _print_differences("environment", comparison.environment, out, most)
    judged = [
        side for side in comparison.certificate if everything or not side.path.endswith(".measured")
    ]
    _print_differences("certificate", judged, out, most)
    # a plan that differs under equal specs is news: another seed, another version
    if everything or not comparison.spec:
        _print_differences("resolved plan", comparison.plan, out, most)


def _print_differences(
    heading: str, found: list[Difference], out: Console, most: int | None
) -> None:
    from rich.table import Table
    from rich.text import Text

    if not found:
        out.print(f"{heading}: the same", style="dim")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in (heading, "A", "B"):
        table.add_column(name, overflow="fold")
    table.add_column("change", justify="right", no_wrap=True)
    for difference in found[:most]:
        table.add_row(
            *(
                Text(text)
                for text in (
                    difference.path,
                    value_words(difference.before, 60),
                    value_words(difference.after, 60),
                    change_words(difference.change),
                )
            )
        )
    out.print()
    out.print(table)
    if most is not None and len(found) > most:
        out.print(f"and {len(found) - most} more (--all, --json, or the page)", style="dim")


def _print_verdicts(comparison: Comparison, out: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    changed = [verdict for verdict in comparison.verdicts if verdict.differs]
    if not changed:
        out.print(f"verdicts: the same ({len(comparison.verdicts)})", style="dim")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("verdicts", "A", "B"):
        table.add_column(name, overflow="fold")
    for difference in changed:
        words = [
            f"{verdict.result}: {verdict.measured}" if verdict else "not checked"
            for verdict in (difference.a, difference.b)
        ]
        table.add_row(Text(difference.title), *(Text(text) for text in words))
    out.print()
    out.print(table)
