"""``study.json``: what a study is, for whoever opens its folder years later."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from tcpexp import __version__
from tcpexp.batch.folder import StudyFolder
from tcpexp.errors import DataError

if TYPE_CHECKING:
    from tcpexp.studies.study import Study

STUDY_SCHEMA = 1


def describe_study(study: Study, token: str) -> dict[str, Any]:
    """Return ``study.json``: what the study is, for whoever opens its folder years later."""
    return {
        "study_schema": STUDY_SCHEMA,
        "token": token,
        "name": study.name,
        "title": study.spec.title or study.spec.name,
        "tcpexp": __version__,
        "quick": study.options.quick,
        "set": list(study.options.overrides),
        "keep": study.keep,
        "identity": study.identity,
        "workplace": study.options.workplace,
        "cells": len(study.cells),
        "repeat": study.repeats,
        "runs": len(study.runs),
        "parameters": {
            name: sorted({str(cell.written[name]) for cell in study.cells})
            for name in study.sweep.parameters
        },
    }


def differing_identity(study: Study, folder: StudyFolder) -> list[str]:
    """Return what decides the results and is not as it was when the study was last worked on, in
    words.
    """
    try:
        before = json.loads((folder.path / "study.json").read_text())["identity"]
        differing = sorted(
            name
            for name in {*before, *study.identity}
            if before.get(name) != study.identity.get(name)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    if not differing:
        return []
    words = ", ".join(
        f"{name} {str(study.identity.get(name))[:12]} instead of {str(before.get(name))[:12]}"
        for name in differing
    )
    hint = "; tcpexp guest use goes back to an image that is kept" if "image" in differing else ""
    return [f"runs made before had another {words}: all are made anew{hint}"]


def token_of(folder: StudyFolder) -> str:
    """Return the study's token, the one that it has had before where it has one."""
    path = folder.path / "study.json"
    try:
        return str(json.loads(path.read_text())["token"])
    except FileNotFoundError:
        return uuid.uuid4().hex
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: damaged: {error}", hint=f"remove {path}: finished runs are kept"
        ) from None
