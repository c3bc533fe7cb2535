"""``guest build|info|shell|export|import|use``: the virtual machine's image."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from tcpexp import paths
from tcpexp.cli.options import echo_json, json_option, say
from tcpexp.errors import HostError, SpecError
from tcpexp.places.image.archive import export_image, import_image, kept_images, use_image
from tcpexp.places.image.image import build_image, find_image
from tcpexp.places.image.recipe import recipe_hash
from tcpexp.places.registry import kinds_with_shell, place_kind


@click.group()
def guest() -> None:
    """Build, look at and enter the guest.

    The guest is the small virtual machine that runs experiments without root.
    """


@guest.command(
    epilog="""\b
Examples:
  tcpexp guest build
  tcpexp guest build --force   fetch the packages again
"""
)
@click.option("--force", is_flag=True, help="Build even when there is an image of this recipe.")
def build(force: bool) -> None:
    """Build the guest's image.

    It is made once, from the distribution's packages, in 1 to 3 minutes.
    """
    image = build_image(say, force=force)
    give_cache()
    click.echo(f"image {image.sha256}\nin {image.path}")


@guest.command(
    epilog="""\b
Examples:
  tcpexp guest info
  tcpexp guest info --json | jq .packages
  tcpexp guest info --quiet && echo there is an image
"""
)
@json_option
@click.option(
    "--quiet",
    "-q",
    is_flag=True,
    help="Print nothing; the exit code says whether there is an image.",
)
def info(as_json: bool, quiet: bool) -> int:
    """Show which image there is.

    Its sha256, kernel, packages and folder. Exit code 3 when none was built.
    """
    image = find_image()
    if quiet:
        return 3 if image is None else 0
    kept = kept_images()
    facts: dict[str, Any] = {
        "built": image is not None,
        "recipe": recipe_hash(),
        "kept": [image.sha256 for image in kept],
    }
    if image is not None:
        facts.update(
            sha256=image.sha256,
            kernel=image.kernel,
            path=str(image.path),
            bytes=image.bytes,
            packages=image.packages,
        )
    if as_json:
        echo_json(facts)
    elif image is None:
        click.echo("no image of this recipe; build it with: tcpexp guest build")
    else:
        click.echo(
            f"image     {image.sha256}\nkernel    Linux {image.kernel}\nfolder    {image.path}"
        )
        click.echo(
            f"size      {image.bytes >> 20} MiB\npackages  {len(image.packages)} (--json names"
            f" them)\nrecipe    {image.recipe}"
        )
    for image in kept if not as_json else ():
        click.echo(
            f"kept      {image.sha256} (Linux {image.kernel}); to use it: tcpexp guest use"
            f" {image.sha256[:12]}"
        )
    return 3 if image is None else 0


@guest.command(
    "export",
    epilog="""\b
Examples:
  tcpexp guest export image.tar.gz        some 130 MB
  tcpexp guest export image.tar           not compressed; the same image, the same bytes
""",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def export_(file: Path) -> int:
    """Write the guest's image to a file, to hand it on.

    Another machine that imports it makes the same captures, also when the distribution's archive
    has moved on. The image is verified meanwhile.
    """
    image = find_image()
    if image is None:
        raise HostError("there is no guest image to export", hint="tcpexp guest build")
    export_image(image, file)
    paths.give_one_to_user(file)
    click.echo(f"image {image.sha256}\nin {file} ({file.stat().st_size >> 20} MiB)")
    return 0


@guest.command(
    "import",
    epilog="""\b
Examples:
  tcpexp guest import image.tar.gz
""",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_(file: Path) -> int:
    """Take an image from a file, and use it from now on.

    It is verified by its sha256 first; a damaged file changes nothing. The image that was used
    before is kept (tcpexp guest use).
    """
    before = find_image()
    image = import_image(file, say)
    give_cache()
    click.echo(f"image {image.sha256}\nin {image.path}")
    if (
        before is not None
        and before.sha256 != image.sha256
        and before.sha256 in {image.sha256 for image in kept_images()}
    ):
        click.echo(f"the image before is kept: tcpexp guest use {before.sha256[:12]}")
    return 0


@guest.command(
    epilog="""\b
Examples:
  tcpexp guest use 4fd2a1c09b7e
"""
)
@click.argument("sha256")
def use(sha256: str) -> int:
    """Use another image that is kept.

    SHA256 is the beginning of its hash, at least four characters. The manifest of a run names the
    image that made it; guest info lists those that are here.
    """
    image = use_image(sha256, say)
    give_cache()
    click.echo(f"image {image.sha256}\nin {image.path}")
    return 0


def give_cache() -> None:
    """Hand the cache to the user behind sudo, if there is one."""
    paths.give_to_user(paths.cache_dir())
    paths.give_one_to_user(paths.cache_dir().parent)


@guest.command()
@click.option(
    "--on",
    type=click.Choice([kind.name for kind in kinds_with_shell()]),
    default=kinds_with_shell()[0].name,
    show_default=True,
    help="Which guest.",
)
def shell(on: str) -> int:
    """Open a prompt in the guest.

    It runs on the real clock; what is changed inside is gone afterwards.
    """
    if not sys.stdin.isatty():
        raise SpecError(
            "the guest's prompt needs a terminal", hint="run it in a terminal, not in a pipe"
        )
    status = place_kind(on).shell(say)
    return 0 if status in (0, 1) else 4
