"""``docs``: the pages that come with tcpexp."""

from __future__ import annotations

from pathlib import Path

import click

from tcpexp.errors import SpecError


@click.command(
    epilog="""\b
Examples:
  tcpexp docs                  all pages, and the folder where they are
  tcpexp docs links            how links are described
  tcpexp docs links | less
"""
)
@click.argument("page", required=False)
def docs(page: str | None) -> None:
    """Show the pages of the documentation, or one of them."""
    from tcpexp import paths

    folder = paths.docs_dir()
    pages = {path.stem: path for path in sorted(folder.glob("*.md"))}
    if page is None:
        for name, path in pages.items():
            click.echo(f"{name:<20}  {_title(path)}")
        click.echo(f"\nin {folder}")
        return
    found = pages.get(page.removesuffix(".md"))
    if found is None:
        from tcpexp.registry import suggest

        raise SpecError(f"there is no page '{page}'", hint=suggest(page, list(pages)))
    click.echo(found.read_text(encoding="utf-8"), nl=False)


def _title(page: Path) -> str:
    with page.open(encoding="utf-8") as lines:
        return next(
            (line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), ""
        )
