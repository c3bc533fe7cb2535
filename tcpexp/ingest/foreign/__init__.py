"""Any capture to the table ``packets``: other people's files, whatever they hold.

:func:`read_foreign` is the way in. Nothing that a packet holds raises an error: what cannot be read
is a row of its own, with the reason in the notes.
"""

from __future__ import annotations

from tcpexp.ingest.foreign.notes import CaptureNotes, Notes
from tcpexp.ingest.foreign.reading import Foreign, read_foreign

__all__ = ["CaptureNotes", "Foreign", "Notes", "read_foreign"]
