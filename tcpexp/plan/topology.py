"""A topology's name to its graph: from a Mininet ``Topo`` class or a YAML graph
(docs/reference/topologies.md).
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from tcpexp import paths
from tcpexp.errors import SpecError, SpecErrors
from tcpexp.plan.queues import ParameterError
from tcpexp.registry import suggest
from tcpexp.spec.links import LinkParameters
from tcpexp.spec.messages import translate
from tcpexp.spec.source import Source, load_source

if TYPE_CHECKING:
    from tcpexp.spec.vocabulary import Vocabulary

NodeKind = Literal["host", "router"]
MAX_NODES = 200
_NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,8}")
_PARAMETER = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class GraphLink:
    """A link from node ``a`` to ``b`` with the topology's own parameters for each direction."""

    a: str
    b: str
    forward: LinkParameters
    backward: LinkParameters

    @property
    def name(self) -> str:
        """The link's name in a spec: ``h1-h2``."""
        return f"{self.a}-{self.b}"


@dataclass
class Graph:
    """Nodes with their kinds and links, in the topology's order."""

    name: str
    nodes: dict[str, NodeKind] = field(default_factory=dict)
    links: list[GraphLink] = field(default_factory=list)

    def add_node(self, name: Any, kind: Any) -> None:
        """Add a host or router; raises ``SpecError``."""
        if not isinstance(name, str) or not _NODE_NAME.fullmatch(name):
            hint = (
                "start with a letter; letters, digits and _ only, at most 9 (an interface's name"
                " adds to it)"
            )
            raise SpecError(f"'{str(name)[:40]}' cannot name a node", hint=hint)
        if kind not in ("host", "router"):
            raise SpecError(
                f"node '{name}' is neither host nor router but '{str(kind)[:40]}'",
                hint="write host or router",
            )
        if len(self.nodes) >= MAX_NODES:
            raise SpecError(
                f"more than {MAX_NODES} nodes", hint="one machine does not run them in time"
            )
        self.nodes[name] = kind

    def add_link(self, a: Any, b: Any, forward: LinkParameters, backward: LinkParameters) -> None:
        """Add a link between two nodes; raises ``SpecError``."""
        for end in (a, b):
            if end not in self.nodes:
                raise SpecError(
                    f"a link ends at '{str(end)[:40]}', which is no node",
                    hint=suggest(str(end), list(self.nodes)),
                )
        if a == b:
            raise SpecError(f"a link joins '{a}' with itself", hint="name two nodes")
        if any({a, b} == {link.a, link.b} for link in self.links):
            raise SpecError(
                f"two links join '{a}' and '{b}'",
                hint="put a router between them for a second path",
            )
        if forward.mtu != backward.mtu:
            raise SpecError(
                f"the two directions of a link from '{a}' to '{b}' have different MTUs",
                hint="write mtu for the link, not for a direction",
            )
        self.links.append(GraphLink(a, b, forward, backward))


def load_topology(
    name: str, params: dict[str, Any], folder: Path, catalogue: Vocabulary | None = None
) -> Graph:
    """Return the graph of the topology ``name``; ``folder`` is the spec's. Raises ``SpecError`` or
    ``SpecErrors``.

    Looked for in this order: plugins and installed packages, beside the spec, in ``topologies/``
    next to the spec's folder or the current one, those that ship.
    """
    if catalogue is not None and name in catalogue.topologies:
        return graph_of_class(name, catalogue.topologies.get(name), params)
    for place in search_folders(folder):
        for suffix, load in (
            (".py", load_class_file),
            (".yaml", load_graph_file),
            (".yml", load_graph_file),
        ):
            path = place / f"{name}{suffix}"
            if _TOPOLOGY_NAME.fullmatch(name) and path.is_file():
                if (
                    suffix == ".py"
                    and catalogue is not None
                    and not catalogue.runs_code
                    and place != paths.topologies_dir().resolve()
                ):
                    cause = (
                        f"the topology '{name}' is a program of its own, which would run on this"
                        " machine"
                    )
                    raise SpecError(cause, hint="read it, and run it yourself if you trust it")
                return load(path, params)
    known = topology_names(folder, catalogue)
    raise SpecError(f"unknown topology '{name[:40]}'", hint=suggest(name, known))


_TOPOLOGY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


def search_folders(folder: Path) -> list[Path]:
    """Return where topology files are looked for, without repetition."""
    candidates = [
        folder,
        folder / "topologies",
        folder.parent / "topologies",
        Path.cwd() / "topologies",
        paths.topologies_dir(),
    ]
    return list(dict.fromkeys(path.resolve() for path in candidates))


def topology_names(folder: Path, catalogue: Vocabulary | None = None) -> list[str]:
    """Return the names of all topologies that a spec in ``folder`` can use (files beside the spec
    are left out).
    """
    names = set(catalogue.topologies.names() if catalogue is not None else ())
    for place in search_folders(folder)[1:]:
        if place.is_dir():
            names |= {
                path.stem
                for path in place.iterdir()
                if path.suffix in (".py", ".yaml", ".yml") and path.stem[:1] != "_"
            }
    return sorted(names)


# ------------------------------------------------------------------------------------------------
# Mininet classes


def load_class_file(path: Path, params: dict[str, Any]) -> Graph:
    """Return the graph of the ``Topo`` class in a Python file; raises ``SpecError``."""
    from mininet.topo import Topo

    module_spec = importlib.util.spec_from_file_location(f"tcpexp_topology_{path.stem}", path)
    if module_spec is None or module_spec.loader is None:
        raise SpecError(f"cannot load {path}")
    module = importlib.util.module_from_spec(module_spec)
    try:
        module_spec.loader.exec_module(module)
    except Exception as error:  # the topology is the user's own program
        raise SpecError(f"the topology {path} fails: {type(error).__name__}: {error}") from error
    classes = [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and issubclass(item, Topo)
        and item is not Topo
        and item.__module__ == module.__name__
    ]
    named = [
        item for item in classes if item.__name__.lower() == path.stem.replace("_", "").lower()
    ] or classes
    if len(named) != 1:
        found = "no Topo class" if not classes else f"{len(classes)} Topo classes"
        raise SpecError(
            f"{path} holds {found}",
            hint="a topology file holds one, named like the file: two_host.py, TwoHost",
        )
    return graph_of_class(path.stem, named[0], params)


def graph_of_class(name: str, cls: Any, params: dict[str, Any]) -> Graph:
    """Return the graph that a ``Topo`` class builds with ``params``.

    Raises ``SpecError``, ``ParameterError`` where one parameter is wrong.
    """
    _check_names(name, cls, params)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            topo = cls(**params)
    except SpecError:
        raise
    except Exception as error:  # the topology is the user's own program
        raise SpecError(
            f"the topology '{name}' fails: {type(error).__name__}: {error}",
            hint="check its params:",
        ) from error
    graph = Graph(name)
    for node in topo.nodes(sort=False):
        info = topo.nodeInfo(node)
        if info.get("isSwitch"):
            hint = "join hosts directly, or through addHost(name, router=True)"
            raise SpecError(
                f"the topology '{name}' has a switch, '{node}'; networks here have hosts and"
                " routers",
                hint=hint,
            )
        graph.add_node(node, "router" if info.get("router") else "host")
    for a, b, info in topo.links(sort=False, withInfo=True):
        options = {
            key: value
            for key, value in info.items()
            if key not in ("node1", "node2", "port1", "port2")
        }
        first, second = info.get("node1", a), info.get("node2", b)
        forward, backward = options.pop("forward", {}), options.pop("backward", {})
        where = f"topology '{name}', link {first}-{second}"
        graph.add_link(
            first,
            second,
            _parameters({**options, **forward}, where),
            _parameters({**options, **backward}, where),
        )
    return graph


def _check_names(name: str, cls: Any, params: dict[str, Any]) -> None:
    """Refuse parameters that the class's ``build`` does not have, unless it takes any."""
    known = inspect.signature(cls.build).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known):
        return
    names = [
        parameter.name
        for parameter in known
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ][1:]
    for given in params:
        if given not in names:
            hint = suggest(given, names) if names else "it has none"
            raise ParameterError(given, f"topology '{name}' has no parameter '{given}'", hint or "")


#: Mininet's words for link parameters, and what is right here.
_MININET_WORDS = {
    "bw": "rate, such as rate='10mbit'",
    "max_queue_size": "queue, such as queue='50p'",
    "use_htb": "nothing",
    "use_tbf": "nothing",
    "enable_red": "discipline='red'",
    "enable_ecn": "ecn=True",
}


def _parameters(raw: dict[str, Any], where: str) -> LinkParameters:
    for word in raw:
        if word in _MININET_WORDS:
            raise SpecError(
                f"unknown key '{word}'", where=where, hint=f"write {_MININET_WORDS[word]} instead"
            )
    try:
        return LinkParameters.model_validate(raw)
    except ValidationError as error:
        found = translate(error, LinkParameters, raw)
        raise SpecErrors(
            [SpecError(finding.message, where=where, hint=finding.hint) for finding in found]
        ) from None


# ------------------------------------------------------------------------------------------------
# YAML graphs


def load_graph_file(path: Path, params: dict[str, Any]) -> Graph:
    """Return the graph that a YAML file describes.

    Raises ``SpecErrors`` at the file's own places.
    """
    source = load_source(path)
    return _GraphReader(source, path.stem, params).read()


class _GraphReader:
    """One YAML graph: ``description``, ``params``, ``nodes``, ``defaults``, ``links``."""

    KEYS = ("description", "params", "nodes", "defaults", "links")

    def __init__(self, source: Source, name: str, params: dict[str, Any]) -> None:
        self.source = source
        self.graph = Graph(name)
        self.given = params
        self.params: dict[str, Any] = {}

    def read(self) -> Graph:
        raw = self.source.raw
        if not isinstance(raw, dict):
            raise self._error("a topology is a mapping with nodes: and links:")
        for key in raw:
            if key not in self.KEYS:
                where = self.source.place(key, key=True)
                raise SpecErrors(
                    [
                        SpecError(
                            f"unknown key '{key}'", where=where, hint=suggest(key, list(self.KEYS))
                        )
                    ]
                )
        self._read_params(self._mapping("params", required=False))
        for node, kind in self._mapping("nodes").items():
            self._at(lambda node=node, kind=kind: self.graph.add_node(node, kind), "nodes", node)
        links = raw.get("links")
        if not isinstance(links, list):
            raise self._error("links: is a list", "links", hint="write - [h1, r1]")
        defaults = self._mapping("defaults", required=False)
        for index, entry in enumerate(links):
            self._read_link(entry, defaults, index)
        return self.graph

    def _read_params(self, known: dict[str, Any]) -> None:
        for name in self.given:
            if name not in known:
                message = f"topology '{self.graph.name}' has no parameter '{name}'"
                raise ParameterError(
                    name, message, (suggest(name, list(known)) if known else None) or "it has none"
                )
        self.params = {**known, **self.given}

    def _read_link(self, entry: Any, defaults: dict[str, Any], index: int) -> None:
        path = ("links", index)
        if not isinstance(entry, list) or len(entry) not in (2, 3):
            raise self._error(
                "a link is a list of two nodes and perhaps parameters",
                *path,
                hint="write [h1, r1, {rate: 10mbit}]",
            )
        own = entry[2] if len(entry) == 3 else {}
        if not isinstance(own, dict):
            raise self._error(
                "a link's parameters are a mapping",
                *path,
                2,
                hint="write {rate: 10mbit, delay: 5ms}",
            )
        own = dict(own)
        forward, backward = own.pop("forward", {}), own.pop("backward", {})
        sides = []
        for side in (forward, backward):
            if not isinstance(side, dict):
                raise self._error("forward: and backward: are mappings", *path, 2)
            sides.append(self._checked({**defaults, **own, **side}, path))
        self._at(lambda: self.graph.add_link(entry[0], entry[1], sides[0], sides[1]), *path)

    def _checked(self, raw: dict[str, Any], path: tuple[str | int, ...]) -> LinkParameters:
        values = {key: self._fill(value, path) for key, value in raw.items()}
        try:
            return LinkParameters.model_validate(values)
        except ValidationError as error:
            found = translate(error, LinkParameters, values)
            raise SpecErrors(
                [
                    SpecError(
                        (
                            f"{'.'.join(map(str, finding.path))}: {finding.message}"
                            if finding.path and not finding.key
                            else finding.message
                        ),
                        where=self.source.place(*path),
                        hint=finding.hint,
                    )
                    for finding in found
                ]
            ) from None

    def _fill(self, value: Any, path: tuple[str | int, ...]) -> Any:
        """Return ``value`` with ``$name`` replaced by the parameter."""
        match = _PARAMETER.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return value
        if match[1] not in self.params:
            raise self._error(
                f"${match[1]} is not a parameter of this topology",
                *path,
                hint=suggest(match[1], list(self.params)) or "add it under params:",
            )
        return self.params[match[1]]

    def _mapping(self, key: str, *, required: bool = True) -> dict[str, Any]:
        value = self.source.raw.get(key, None if required else {})
        if not isinstance(value, dict):
            raise self._error(
                f"{key}: is a mapping" if key in self.source.raw else f"'{key}' is missing", key
            )
        return value

    def _at(self, action: Any, *path: str | int) -> None:
        """Run ``action`` and give its error this place."""
        try:
            action()
        except SpecError as error:
            raise self._error(error.message, *path, hint=error.hint) from None

    def _error(self, message: str, *path: str | int, hint: str | None = None) -> SpecErrors:
        return SpecErrors([SpecError(message, where=self.source.place(*path), hint=hint)])
