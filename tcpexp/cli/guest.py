"""``guest build``, ``guest info`` and ``guest shell``: the virtual machine's image."""

from __future__ import annotations

import sys
from typing import Any

import click

from tcpexp import paths
from tcpexp.cli.options import echo_json, json_option, say
from tcpexp.errors import SpecError


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
    from tcpexp.places.guest.image import build_image

    image = build_image(say, force=force)
    paths.give_to_user(paths.cache_dir())
    paths.give_one_to_user(paths.cache_dir().parent)
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
@click.option("--quiet", "-q", is_flag=True, help="Print nothing; the exit code says whether there is an image.")
def info(as_json: bool, quiet: bool) -> int:
    """Show which image there is.

    Its sha256, kernel, packages and folder. Exit code 3 when none was built.
    """
    from tcpexp.places.guest.image import find_image
    from tcpexp.places.guest.recipe import recipe_hash

    image = find_image()
    if quiet:
        return 3 if image is None else 0
    facts: dict[str, Any] = {"built": image is not None, "recipe": recipe_hash()}
    if image is not None:
        facts.update(sha256=image.sha256, kernel=image.kernel, path=str(image.path), bytes=image.bytes, packages=image.packages)
    if as_json:
        echo_json(facts)
    elif image is None:
        click.echo("no image of this recipe; build it with: tcpexp guest build")
    else:
        click.echo(f"image     {image.sha256}\nkernel    Linux {image.kernel}\nfolder    {image.path}")
        click.echo(f"size      {image.bytes >> 20} MiB\npackages  {len(image.packages)} (--json names them)\nrecipe    {image.recipe}")
    return 3 if image is None else 0


@guest.command()
def shell() -> int:
    """Open a prompt in the guest.

    It runs on the real clock; what is changed inside is gone afterwards.
    """
    from tcpexp.places.guest.shell import open_shell

    if not sys.stdin.isatty():
        raise SpecError("the guest's prompt needs a terminal", hint="run it in a terminal, not in a pipe")
    status = open_shell(say)
    return 0 if status in (0, 1) else 4
