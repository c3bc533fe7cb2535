"""``list`` and ``describe``: what a spec can use, from the catalogue itself."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpexp import paths
from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.cards import load_cards
from tcpexp.catalogue.search import find_cards
from tcpexp.cli.options import echo_json, json_option
from tcpexp.errors import SpecError
from tcpexp.plan.topology import search_folders, topology_names
from tcpexp.registry import suggest
from tcpexp.spec.congestion import CONGESTION_CONTROLS
from tcpexp.spec.quotes import without_run

if TYPE_CHECKING:
    from tcpexp.catalogue import Catalogue

CLASSES = ("actions", "checks", "recorders", "plots")
KINDS = ("experiments", "studies", "topologies", *CLASSES, "congestion_controls")
#: Of a sentence that fits a search, this many characters are shown.
MOST_OF_A_LINE = 200


@click.command(
    name="list",
    epilog="""\b
Examples:
  tcpexp list                  everything
  tcpexp list actions checks   two kinds
  tcpexp list congestion_controls
  tcpexp list runs             recorded runs, newest last
  tcpexp list --search "observe how many SYNs are sent, and estimate the RTO"
""",
)
@click.argument("kinds", type=click.Choice([*KINDS, "runs"]), nargs=-1, metavar="[KIND]...")
@click.option(
    "--search",
    "-s",
    "words",
    metavar="WORDS",
    help="Find experiments and studies by what they are about.",
)
@json_option
def list_(kinds: tuple[str, ...], words: str | None, as_json: bool) -> None:
    """List what there is to use, or recorded runs.

    KIND is experiments, studies, topologies, actions, checks, recorders, plots, congestion_controls
    or runs; everything but runs when left out.

    --search looks through titles, questions, checks, references and explanations; a whole sentence
    will do. Best first.
    """
    if words is not None:
        if set(kinds) - {"experiments", "studies"}:
            raise SpecError(
                "--search finds experiments and studies only",
                hint='leave the kind out: tcpexp list --search "zero window"',
            )
        search(words, as_json=as_json)
        return

    catalogue = load_catalogue()
    listed = {
        kind: runs() if kind == "runs" else summaries(kind, catalogue) for kind in kinds or KINDS
    }
    if as_json:
        echo_json(listed)
        return
    for kind, entries in listed.items():
        click.echo(click.style(kind.replace("_", " ").capitalize(), bold=True))
        width = max((len(name) for name in entries), default=0)
        for name, summary in entries.items():
            click.echo(f"  {name:<{width}}  {summary}".rstrip())


@click.command(
    epilog="""\b
Examples:
  tcpexp describe iperf3
  tcpexp describe check:share     where two kinds share a name
  tcpexp describe bbr_vs_cubic
"""
)
@click.argument("name")
@json_option
def describe(name: str, as_json: bool) -> None:
    """Describe one thing that a spec can use.

    NAME is an experiment, study, topology, action, check, recorder, plot or congestion control; its
    text and its parameters are printed.

    It may begin with its kind, as in action:netem; without one, all that have the name are
    described.
    """
    catalogue = load_catalogue()
    wanted, colon, bare = name.partition(":")
    kinds = [kind for kind in KINDS if not colon or kind == wanted or _singular(kind) == wanted]
    bare = bare if colon else name
    entries = [entry(kind, bare, catalogue) for kind in kinds if bare in summaries(kind, catalogue)]
    if not entries:
        known = [name for kind in kinds or KINDS for name in summaries(kind, catalogue)]
        raise SpecError(
            f"nothing is called '{name}'",
            hint=(
                suggest(bare, known)
                if len(known) < 12 or suggest_near(bare, known)
                else "see: tcpexp list"
            ),
        )
    if as_json:
        echo_json(entries)
        return
    for described in entries:
        print_entry(described)


def search(words: str, *, as_json: bool) -> None:
    """Print the experiments and studies that fit ``words``, with what of the words they have and
    where.
    """
    hits = find_cards(words, load_cards(studies=True))
    if as_json:
        rows = [
            {
                "name": hit.card.name,
                "title": hit.card.title,
                "score": round(hit.score, 1),
                "words": hit.words,
                "line": hit.line,
            }
            for hit in hits
        ]
        echo_json(rows)
        return
    for hit in hits:
        click.echo(f"{click.style(hit.card.name, bold=True)}  {hit.card.title}")
        click.echo(f"  {hit.line[:MOST_OF_A_LINE]}")
        click.echo(f"  {click.style('has: ' + '; '.join(hit.words), dim=True)}")
    if hits:
        click.echo(f"run it: {hits[0].card.command}")
    else:
        click.echo(
            f"no experiment is about '{words}'; all of them: tcpexp list experiments studies",
            err=True,
        )


def suggest_near(word: str, known: list[str]) -> bool:
    """Return whether a known word is near enough to be suggested alone."""
    return (suggest(word, known) or "").startswith("did you mean")


def _singular(kind: str) -> str:
    return kind.removesuffix("ies") + "y" if kind.endswith("ies") else kind.removesuffix("s")


def runs() -> dict[str, str]:
    """Return the recorded runs: path to status and verdicts in words."""
    import json

    statuses = {}
    results = paths.default_results_dir()
    for run in paths.all_runs(results):
        try:
            status = json.loads((run / "manifest.json").read_text())["status"]
        except (OSError, ValueError, KeyError):
            status = "without a manifest"
        statuses[str(run)] = status
    return statuses


def summaries(kind: str, catalogue: Catalogue) -> dict[str, str]:
    """Return name to one-line summary of everything of a kind."""
    if kind in ("experiments", "studies"):
        return {
            path.stem: yaml_field(path, "title")
            for path in (
                paths.shipped_specs() if kind == "experiments" else paths.shipped_studies()
            )
        }
    if kind == "topologies":
        return {
            name: summary_of(topology_text(name, catalogue))
            for name in topology_names(Path.cwd(), catalogue)
        }
    if kind == "congestion_controls":
        return {
            name: f"{control.signal}: {control.summary}"
            for name, control in CONGESTION_CONTROLS.items()
        }
    return {name: summary_of(inspect.getdoc(item) or "") for name, item in catalogue.registry(kind)}


def summary_of(text: str) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join(text.strip().partition("\n\n")[0].split()).replace("`", "")


def yaml_field(path: Path, key: str) -> str:
    """Return a text at the top level of a YAML file, empty when it cannot be read: a listing shows
    what it can.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return ""
    return str(raw.get(key) or "").strip() if isinstance(raw, dict) else ""


def topology_text(name: str, catalogue: Catalogue) -> str:
    """Return what a topology says about itself: its class's docstring, or the ``description`` of
    its graph.
    """
    if name in catalogue.topologies:
        return inspect.getdoc(catalogue.topologies.get(name)) or ""
    path = topology_path(name)
    if path is None:
        return ""
    if path.suffix != ".py":
        return yaml_field(path, "description")
    import ast

    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ""
    documented: list[ast.Module | ast.ClassDef] = [
        tree,
        *(node for node in tree.body if isinstance(node, ast.ClassDef)),
    ]
    texts = [text for node in documented if (text := ast.get_docstring(node))]
    return max(texts, key=len, default="")


def topology_path(name: str) -> Path | None:
    """Return the file of a topology, None when there is none."""
    candidates = (
        folder / f"{name}{suffix}"
        for folder in search_folders(Path.cwd())
        for suffix in (".py", ".yaml", ".yml")
    )
    return next((path for path in candidates if path.is_file()), None)


def entry(kind: str, name: str, catalogue: Catalogue) -> dict[str, Any]:
    """Return one thing's description: kind, name, text, parameters (name, type, default, required,
    description).
    """
    if kind in ("experiments", "studies"):
        path = paths.shipped_spec(name)
        assert path is not None
        text = without_run(
            "\n\n".join(
                part
                for key in ("title", "description", "explain")
                if (part := yaml_field(path, key))
            )
        )
        return {
            "kind": _singular(kind),
            "name": name,
            "text": text,
            "file": str(path),
            "parameters": [],
        }
    if kind == "topologies":
        return {
            "kind": "topology",
            "name": name,
            "text": topology_text(name, catalogue),
            "file": str(topology_path(name) or ""),
            "parameters": [],
        }
    if kind == "congestion_controls":
        return {
            "kind": "congestion control",
            "name": name,
            "text": control_text(name),
            "parameters": [],
        }
    item = catalogue.registry(kind).get(name)
    text = inspect.getdoc(item) or ""
    return {"kind": _singular(kind), "name": name, "text": text, "parameters": parameters(item)}


def control_text(name: str) -> str:
    """Return what there is to say about a congestion control."""
    control = CONGESTION_CONTROLS[name]
    module = (
        f"The kernel module {control.module}, loaded when a spec names it."
        if control.module
        else "Part of every kernel."
    )
    ecn = (
        "\nIts hosts ask for ECN by themselves; a queue on the way must mark (mark_at, or ecn:"
        " true)."
        if control.needs_ecn
        else ""
    )
    return f"Listens to {control.signal}; {control.summary}.\n{control.source}.\n{module}{ecn}"


def parameters(item: Any) -> list[dict[str, Any]]:
    """Return the parameters of a model class, or of a plot."""
    if hasattr(item, "model_fields"):
        schema = item.model_json_schema(by_alias=True)
        required = set(schema.get("required", ()))
        return [
            {
                "name": name,
                "type": type_words(field),
                "default": field.get("default"),
                "required": name in required,
                "description": field.get("description", ""),
            }
            for name, field in schema.get("properties", {}).items()
            if name != "do"
        ]
    defaults = getattr(item, "defaults", {})
    return [
        {
            "name": name,
            "type": type(value).__name__,
            "default": value,
            "required": False,
            "description": "",
        }
        for name, value in defaults.items()
    ]


def type_words(schema: dict[str, Any]) -> str:
    """Return a JSON Schema's type in a few words."""
    if "anyOf" in schema:
        words = [type_words(kind) for kind in schema["anyOf"] if kind.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {type_words(schema['items'])}" if schema.get("items") else "list"
    if "$ref" in schema:
        return "mapping"
    examples = schema.get("examples")
    kind = schema.get("type", "value")
    word = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{word}, such as {examples[0]}" if examples else word


def print_entry(described: dict[str, Any]) -> None:
    """Print one description."""
    click.echo(f"{click.style(described['name'], bold=True)} ({described['kind']})")
    if described.get("file"):
        click.echo(described["file"])
    click.echo()
    click.echo("\n".join(f"  {line}".rstrip() for line in described["text"].splitlines()))
    click.echo()
    rows = described["parameters"]
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        silent = (
            "required"
            if row["required"]
            else "optional"
            if row["default"] is None
            else f"default {row['default']}"
        )
        click.echo(f"  {row['name']:<{width}}  {row['type']}; {silent}")
        if row["description"]:
            click.echo(f"  {'':<{width}}    {row['description']}")
    if rows:
        click.echo()
