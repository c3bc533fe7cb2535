"""``kernel build|list|info|use|remove|export|import``: the kernels that experiments run on."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from tcpexp import paths
from tcpexp.cli.guest import give_cache
from tcpexp.cli.options import echo_json, json_option, say
from tcpexp.errors import HostError
from tcpexp.places.kernel.archive import export_kernel, import_kernel
from tcpexp.places.kernel.build import build_kernel
from tcpexp.places.kernel.headers import how_to_get_headers
from tcpexp.places.kernel.kernel import (
    find_kernel,
    headers_sha256,
    how_to_get,
    is_present,
    kernel_in_use,
    list_kernels,
    use_kernel,
)
from tcpexp.places.kernel.order import Own
from tcpexp.places.kernel.recipe import load_recipe, shipped_recipes
from tcpexp.places.kernel.remove import (
    is_stale,
    kernels_to_remove,
    remove_kernel,
    size_of,
)

if TYPE_CHECKING:
    from tcpexp.places.kernel.kernel import Kernel


def complete_kernel(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a kernel."""
    names = {*shipped_recipes(), *(kernel.name for kernel in list_kernels())}
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


@click.group()
def kernel() -> None:
    """Build, choose and hand on kernels.

    An experiment runs on a Linux kernel that is built from Debian's source as an ordinary program
    (User-Mode Linux). NAME is debian-7.3, short 7.3, or the beginning of a kernel's sha256.
    """


@kernel.command(
    epilog="""\b
Examples:
  tcpexp kernel build                    the one that runs use
  tcpexp kernel build 6.1
  tcpexp kernel build debian:7.2         a series that Debian has a source package of
  tcpexp kernel build ~/linux --name mine
  tcpexp kernel build 7.3 --patch my-window.patch
  tcpexp kernel build my-kernel.yaml     a recipe of your own (docs/guides/kernels.md)
"""
)
@click.argument("what", required=False, shell_complete=complete_kernel)
@click.option(
    "--patch",
    "patches",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A patch of yours, applied after tcpexp's own with patch -p1; more than once in order.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Options of yours, such as CONFIG_TCP_MD5SIG=y, over those of the recipe.",
)
@click.option("--name", metavar="NAME", help="How it is called; from WHAT and the files otherwise.")
@click.option("--force", is_flag=True, help="Build even when there is a kernel of this recipe.")
def build(
    what: str | None, patches: tuple[Path, ...], config: Path | None, name: str | None, force: bool
) -> int:
    """Build a kernel from Debian's source, or from a tree.

    WHAT is a kernel of tcpexp's (7.3), a series that Debian has (debian:7.2), the folder of a
    source tree, or a recipe's file. A tree is read, and not written to.

    It takes 5 to 20 minutes and 2.5 GB of disk meanwhile, 14 MB afterwards, and needs no root. Two
    kernels are built at a time at most; a third waits.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is half built is removed
    built = build_kernel(what, say, force=force, own=Own(patches, config, name))
    give_cache()
    click.echo(f"kernel {built.name} {built.sha256}\nin {built.path}")
    return 0


@kernel.command(
    "list",
    epilog="""\b
Examples:
  tcpexp kernel list
  tcpexp kernel list --json | jq '.[].name'
""",
)
@json_option
def list_(as_json: bool) -> int:
    """Show all kernels.

    Those that are here, and those that can be built.
    """
    in_use = find_kernel()
    here = list_kernels()
    rows = [_facts(kernel, in_use) | {"stale": is_stale(kernel)} for kernel in here]
    names = {kernel.name for kernel in here if is_present(kernel)}
    for name in sorted(set(shipped_recipes()) - names):
        rows.append(
            {"name": name, "title": load_recipe(name).title, "built": False, "in_use": False}
        )
    if as_json:
        echo_json(rows)
        return 0
    for row in rows:
        if not row["built"]:
            mark = "*" if row["name"] == kernel_in_use() else " "
            click.echo(f"{mark} {row['name']:12} not built: tcpexp kernel build {row['name']}")
            continue
        mark = "*" if row["in_use"] else " "
        words = f"Linux {row['version']}, {row['disk_bytes'] / 1e6:.1f} MB, {row['mode']}"
        words += ", headers" if row["headers"] else ", no headers"
        words += ", in use" if row["in_use"] else ""
        words += ", another has its name: found by its hash" if row["stale"] else ""
        click.echo(f"{mark} {row['name']:12} {row['sha256'][:12]}  {words}")
    return 0


def _facts(kernel: Kernel, in_use: Kernel | None) -> dict[str, Any]:
    """Return what is said about a kernel, for machines."""
    used = in_use is not None and in_use.path == kernel.path
    return {
        "name": kernel.name,
        "built": True,
        "in_use": used,
        "sha256": kernel.sha256,
        "version": kernel.version,
        "debian_version": kernel.debian_version,
        "mode": kernel.mode,
        "recipe": kernel.recipe,
        "config_sha256": kernel.config_sha256,
        "compiler": kernel.compiler,
        "bytes": kernel.bytes,
        "disk_bytes": size_of(kernel.path),
        "headers": headers_sha256(kernel),
        "path": str(kernel.path),
    }


@kernel.command(
    epilog="""\b
Examples:
  tcpexp kernel info
  tcpexp kernel info 6.1 --json | jq -r .sha256
  tcpexp kernel info --quiet && echo there is a kernel
"""
)
@click.argument("name", required=False, shell_complete=complete_kernel)
@json_option
@click.option("--quiet", "-q", is_flag=True, help="Print nothing; the exit code says it.")
def info(name: str | None, as_json: bool, quiet: bool) -> int:
    """Show one kernel, by default the one that runs use.

    Its sha256, versions, compiler and folder. Exit code 3 when it is not here.
    """
    found = find_kernel(name)
    wanted = name or kernel_in_use()
    if found is None:
        if as_json and not quiet:
            echo_json({"name": wanted, "built": False})
        elif not quiet:
            click.echo(f"the kernel {wanted} is not here; get it with: {how_to_get(wanted)}")
        return 3
    if quiet:
        return 0
    facts = _facts(found, find_kernel())
    if as_json:
        echo_json(facts)
        return 0
    used = "  (runs use it)" if facts["in_use"] else ""
    click.echo(f"kernel    {found.name}{used}\nsha256    {found.sha256}")
    of_tree = found.debian_version.startswith("tree ")
    source = f"of the {found.debian_version}" if of_tree else f"Debian's {found.debian_version}"
    click.echo(f"version   Linux {found.version}, {source}")
    click.echo(f"mode      {found.mode}\ncompiler  {found.compiler}\nfolder    {found.path}")
    click.echo(f"size      {found.bytes / 1e6:.1f} MB\nrecipe    {found.recipe}")
    headers = facts["headers"] or f"none; {how_to_get_headers(found)}"
    click.echo(f"headers   {headers}")
    return 0


@kernel.command(
    epilog="""\b
Examples:
  tcpexp kernel use 6.1
  tcpexp kernel use 5ecd459e9968
"""
)
@click.argument("name", shell_complete=complete_kernel)
def use(name: str) -> int:
    """Let runs use another kernel from now on.

    It must be here (kernel list). A run's manifest names the kernel that made it.
    """
    found = use_kernel(name, say)
    give_cache()
    click.echo(f"kernel {found.name} {found.sha256}\nin {found.path}")
    return 0


@kernel.command(
    epilog="""\b
Examples:
  tcpexp kernel remove 6.1
  tcpexp kernel remove debian-7.3-my-window 5ecd459e9968
  tcpexp kernel remove --stale           those that another kernel has the name of
"""
)
@click.argument("names", nargs=-1, shell_complete=complete_kernel)
@click.option(
    "--stale",
    is_flag=True,
    help="Remove all that are found by their hash only: of earlier recipes, or built before.",
)
def remove(names: tuple[str, ...], stale: bool) -> int:
    """Remove kernels from this machine.

    Not the one that runs use, and none that a run under way uses. A run that a removed kernel made
    keeps its record; to make it again, build or import that kernel.
    """
    if not names and not stale:
        raise click.UsageError("name the kernels, or say --stale")
    total = 0
    for found in kernels_to_remove(names, stale=stale):
        freed = remove_kernel(found, say)
        total += freed
        click.echo(f"removed {found.name} {found.sha256[:12]}: {freed / 1e6:.1f} MB freed")
    if not total:
        click.echo("nothing to remove")
    return 0


@kernel.command(
    "export",
    epilog="""\b
Examples:
  tcpexp kernel export kernel.tar.gz
  tcpexp kernel export kernel.tar --kernel 6.1
""",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--kernel", "name", metavar="NAME", help="Another than the one that runs use.")
def export_(file: Path, name: str | None) -> int:
    """Write a kernel to a file, to hand it on.

    Another machine that imports it makes the same captures, and need not build. Its recipe,
    patches, configuration and licence (GPL-2.0) go along. It is verified meanwhile.
    """
    found = find_kernel(name)
    if found is None:
        wanted = name or kernel_in_use()
        raise HostError(f"there is no kernel {wanted} to export", hint=how_to_get(wanted))
    export_kernel(found, file)
    paths.give_one_to_user(file)
    size = f"{file.stat().st_size / 1e6:.1f} MB"
    click.echo(f"kernel {found.name} {found.sha256}\nin {file} ({size})")
    return 0


@kernel.command(
    "import",
    epilog="""\b
Examples:
  tcpexp kernel import kernel.tar.gz
""",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_(file: Path) -> int:
    """Take a kernel from a file.

    It is verified by its sha256 first; a damaged file changes nothing. Its name means it from now
    on. Kernels that were there before stay, and are found by their hash.
    """
    taken = import_kernel(file, say)
    give_cache()
    click.echo(f"kernel {taken.name} {taken.sha256}\nin {taken.path}")
    in_use = find_kernel()
    if not is_present(taken):
        click.echo("it is of another recipe than this version of tcpexp has by this name")
    if in_use is None or in_use.sha256 != taken.sha256:
        word = taken.name if is_present(taken) else taken.sha256[:12]
        click.echo(f"to let runs use it: tcpexp kernel use {word}")
    return 0
