"""The catalogue: every action, check, recorder, plot and topology by name.

Ours, those of installed packages, and those beside a spec. All are known by a reference that is
imported when the name is first asked for.
"""

from __future__ import annotations

from tcpexp.catalogue.catalogue import Catalogue, catalogue_for, load_catalogue
from tcpexp.catalogue.kinds import KINDS, Kind, item_name

__all__ = ["KINDS", "Catalogue", "Kind", "catalogue_for", "item_name", "load_catalogue"]
