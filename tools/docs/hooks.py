"""What mkdocs does beside its own: pages that lie outside of docs/ become pages of the site, and
links to other files of the repository lead to copies of them.

The pages stay plain Markdown that reads well in the repository, where every link is a path.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
#: Pages of the repository's top level, and where the site has them.
TOP = {
    "README.md": "project/readme.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "CITATION.cff": "project/citation.md",
}
#: Other files that pages link to; the site has copies of them.
COPIES = "files"
_LINK = re.compile(r"(?<=\]\()([^)#\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the top level that are there to the menu's last section."""
    (project,) = (part["Project"] for part in config.nav or [] if "Project" in part)
    project += [page for page in _pages().values() if page not in project]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the top level and the files that any page links to."""
    for name, target in _pages().items():
        text = (ROOT / name).read_text(encoding="utf-8")
        shown = text if name.endswith(".md") else CITATION.format(text)
        files.append(File.generated(config, target, content=shown))
    for path in sorted(_linked(files)):
        copy = File.generated(config, _site_path(path) or path, abs_src_path=str(ROOT / path))
        files.append(copy)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave docs/ at the site's own page or copy."""
    here = _folder(page.file.src_uri)

    def moved(match: re.Match[str]) -> str:
        path = _repository_path(here, match[1])
        if path is None:
            return match[1]
        target = _site_path(path)
        return (
            os.path.relpath(target, PurePosixPath(page.file.src_uri).parent) if target else match[1]
        )

    return _LINK.sub(moved, markdown)


CITATION = """\
# Citation

The file `CITATION.cff` of the repository, which GitHub and reference managers read:

```yaml
{}```
"""


def _pages() -> dict[str, str]:
    """Return the pages of the top level that are there."""
    return {name: target for name, target in TOP.items() if (ROOT / name).is_file()}


def _folder(src_uri: str) -> PurePosixPath:
    """Return the folder, in the repository, that a page's links are relative to."""
    if src_uri in TOP.values():
        return PurePosixPath(".")
    return PurePosixPath("docs") / PurePosixPath(src_uri).parent


def _repository_path(here: PurePosixPath, link: str) -> str | None:
    """Return the path in the repository that a link means; None when it leads elsewhere."""
    if re.match(r"[a-z]+:", link):
        return None
    path = os.path.normpath(here / link)
    return None if path.startswith("..") else path


def _site_path(path: str) -> str | None:
    """Return where the site has a file of the repository."""
    if path in TOP:
        return TOP[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{COPIES}/{path.lstrip('.')}" if (ROOT / path).is_file() else None  # mkdocs hides dots


def _linked(files: Files) -> set[str]:
    """Return the files outside of docs/ that some page links to and that are no page themselves."""
    found = set()
    for file in files.documentation_pages():
        for link in _LINK.findall(file.content_string):
            path = _repository_path(_folder(file.src_uri), link)
            if path is not None and (_site_path(path) or "").startswith(f"{COPIES}/"):
                found.add(path)
    return found
