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
    pages = pages_of(folder)
    if page is None:
        section = Path()
        for name, path in pages.items():
            if path.parent.relative_to(folder) != section:
                section = path.parent.relative_to(folder)
                click.echo(f"\n{str(section).capitalize()}")
            click.echo(f"{name:<20}  {_title(path)}")
        click.echo(f"\nin {folder}")
        return
    found = pages.get(page.removesuffix(".md").rsplit("/", 1)[-1])
    if found is None:
        from tcpexp.registry import suggest

        raise SpecError(f"there is no page '{page}'", hint=suggest(page, list(pages)))
    click.echo(found.read_text(encoding="utf-8"), nl=False)


def pages_of(folder: Path) -> dict[str, Path]:
    """Return the pages by name, those of the top folder first, then folder by folder.

    The first page of a folder, its ``index.md``, has the folder's name.
    """
    files = [*sorted(folder.glob("*.md")), *sorted(folder.glob("*/*.md"), key=_place)]
    return {_name(path, folder): path for path in files}


def _name(path: Path, folder: Path) -> str:
    return path.parent.name if path.stem == "index" and path.parent != folder else path.stem


def _place(path: Path) -> tuple[str, bool, str]:
    return path.parent.name, path.stem != "index", path.name


def _title(page: Path) -> str:
    with page.open(encoding="utf-8") as lines:
        return next(
            (line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), ""
        )
