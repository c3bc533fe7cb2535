"""A kernel's recipe: a YAML file that names Debian's source, the configuration and the patches.

Those that come with tcpexp are in ``tcpexp/kernels``, apart from the rest: they are GPL-2.0, as
the kernel is. docs/guides/kernels.md says what each key means.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    StringConstraints,
    Tag,
    ValidationError,
)

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.paths import PACKAGE
from tcpexp.registry import suggest
from tcpexp.spec.yaml12 import Document, parse_yaml

#: Recipes, configuration, patches and licence that come with tcpexp.
SHIPPED = PACKAGE / "kernels"
#: Part of every recipe's hash: changed by hand when the way of building changes.
REVISION = 1
#: The version of a source that is whatever Debian's suites have; a finished recipe names one.
NEWEST = "newest"
#: How the two kinds of source are told apart.
PACKAGE_SOURCE, TREE = "of a package", "of a tree"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.+-]{0,39}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.+~:-]{1,80}$")]
_OPTION = re.compile(r"^(?:# )?(CONFIG_\w+)(?:=| is not set)")


def _below(name: str) -> str:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not name:
        raise ValueError("must be a path below the recipe's folder")
    return name


Below = Annotated[str, AfterValidator(_below)]
Option = Annotated[str, StringConstraints(pattern=r"^CONFIG_\w+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Debian's package of the kernel's source, and where it is looked for."""

    package: Word
    suites: tuple[Word, ...] = Field(min_length=1)
    #: The version with which the recipe was tested.
    version: Word
    #: When Debian's archive of all times had it, as ``20261129T000000Z``.
    snapshot: Annotated[str, StringConstraints(pattern=r"^\d{8}T\d{6}Z$")] | None = None
    #: What is taken when the tested version is gone.
    otherwise: Literal["newest", "nothing"] = "newest"


class TreeSource(_Strict):
    """A tree of the source that somebody works on: the name of its folder, its content's hash."""

    tree: Word
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _kind_of_source(raw: Any) -> str:
    of_tree = isinstance(raw, TreeSource) or (isinstance(raw, dict) and "tree" in raw)
    return TREE if of_tree else PACKAGE_SOURCE


class Build(_Strict):
    """What the kernel would otherwise take from the building machine, and the log's length."""

    timestamp: str
    user: Word
    host: Word
    version: int = Field(ge=1)
    #: Lines that make prints, approximately: what progress is measured by.
    lines: int = Field(ge=1)


class Recipe(_Strict):
    """How a kernel is built; paths are relative to the recipe's file, or to the shipped ones."""

    name: Name
    title: str
    #: The series, such as ``7.3``: also a short name of the kernel.
    series: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")]
    mode: Literal["seccomp", "ptrace"]
    source: Annotated[
        Annotated[Source, Tag(PACKAGE_SOURCE)] | Annotated[TreeSource, Tag(TREE)],
        Discriminator(_kind_of_source),
    ]
    config: tuple[Below, ...] = Field(min_length=1)
    #: Options that the configuration asks for and does not get, each with the reason.
    exceptions: dict[Option, str] = {}
    patches: tuple[Below, ...] = ()
    build: Build
    _file: Path = PrivateAttr(default=SHIPPED)

    @property
    def file(self) -> Path:
        """The YAML file."""
        return self._file

    def changed(self, **values: Any) -> Recipe:
        """Return the recipe with other values; its files stay where they are."""
        copy = self.model_copy(update=values)
        copy._file = self._file
        return copy

    def path(self, name: str) -> Path:
        """Return where a patch or a part of the configuration is; raises ``SpecError``."""
        for folder in (self._file.parent, SHIPPED):
            if (folder / name).is_file():
                return folder / name
        raise SpecError(f"there is no file {name}", where=str(self._file))

    def files(self) -> dict[str, Path]:
        """Return all that belongs to the recipe: names in a folder of its own, and paths."""
        named = {name: self.path(name) for name in (*self.config, *self.patches)}
        return {"recipe.yaml": self._file, "COPYING": SHIPPED / "COPYING", **named}

    def options(self) -> list[str]:
        """Return the lines of the configuration that set options; raises ``SpecError``."""
        lines = [line for name in self.config for line in self.path(name).read_text().splitlines()]
        return [line.strip() for line in lines if _OPTION.match(line)]

    def hash(self) -> str:
        """Return the sha256 of all that determines the kernel, as hexadecimal text.

        Titles, comments, a patch's words of introduction and the places where Debian's source is
        looked for do not count.
        """
        wanted = self.model_dump(
            mode="json",
            exclude={"title": True, "exceptions": True}
            | {"source": {"suites", "snapshot", "otherwise", "tree"}, "build": {"lines"}},
        )
        parts = [REVISION, wanted, self.options(), [_change(self.path(p)) for p in self.patches]]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _change(patch: Path) -> str:
    """Return the sha256 of what a patch changes."""
    text = patch.read_bytes()
    begin = re.search(rb"^--- \S+/", text, re.MULTILINE)
    if begin is None:
        raise SpecError("this patch changes nothing", where=str(patch))
    return hashlib.sha256(text[begin.start() :]).hexdigest()


def write_recipe(folder: Path, recipe: Recipe, **changed: Any) -> Recipe:
    """Write ``recipe`` with ``changed`` values to ``folder``, where its files are; return it."""
    wanted = recipe.model_copy(update=changed).model_dump(mode="json", exclude_none=True)
    if not wanted["exceptions"]:
        del wanted["exceptions"]
    file = folder / "recipe.yaml"
    text = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, width=100)
    file.write_text(f"# SPDX-License-Identifier: GPL-2.0\n{text}")
    return load_recipe(str(file))


def option_name(line: str) -> str | None:
    """Return the option that a line of a configuration sets, None when it sets none."""
    match = _OPTION.match(line)
    return match[1] if match else None


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with tcpexp by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def recipe_hash(name: str) -> str:
    """Return the hash of the recipe called ``name``; raises ``SpecError``."""
    return load_recipe(name).hash()


def full_name(name: str) -> str | None:
    """Return the shipped recipe meant by ``name`` (``debian-7.3``, ``debian:7.3``, ``7.3``)."""
    wanted = name.strip().lower().replace(":", "-")
    found = [
        known for known in shipped_recipes() if wanted in (known, known.removeprefix("debian-"))
    ]
    return found[0] if found else None


def load_recipe(name: str | Path) -> Recipe:
    """Return the recipe called ``name``, or of the file ``name`` when it ends in ``.yaml``.

    Raises ``SpecError`` with the place in the file.
    """
    if isinstance(name, str) and not name.endswith(".yaml"):
        known = full_name(name)
        if known is None:
            hint = suggest(name, list(shipped_recipes())) or "or give the path of a recipe"
            raise SpecError(f"there is no recipe of a kernel '{name}'", hint=hint)
        return _read(shipped_recipes()[known])
    return _read(Path(name))


def _read(path: Path) -> Recipe:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise SpecError(f"cannot read the recipe: {reason}", where=str(path)) from None
    document = parse_yaml(text, str(path))
    try:
        recipe = Recipe.model_validate(document.raw)
    except ValidationError as error:
        raise SpecErrors(
            [_located(problem, document, path) for problem in error.errors()]
        ) from None
    recipe._file = path
    for name in (*recipe.config, *recipe.patches):
        recipe.path(name)
    return recipe


def _located(error: Any, document: Document, path: Path) -> SpecError:
    """Return one of pydantic's errors as one with its place in the file."""
    error = {**error, "loc": [key for key in error["loc"] if key not in (PACKAGE_SOURCE, TREE)]}
    keys = tuple(error["loc"])
    while keys and keys not in document.places and keys not in document.key_places:
        keys = keys[:-1]
    extra = error["type"] == "extra_forbidden"
    place = document.key_places.get(keys) if extra else document.places.get(keys)
    word = ".".join(str(key) for key in error["loc"])
    message = f"{word}: unknown key" if extra else f"{word}: {error['msg']}"
    hint = suggest(str(keys[-1]), list(Recipe.model_fields)) if extra and len(keys) == 1 else None
    return SpecError(message, where=place or str(path), hint=hint)
