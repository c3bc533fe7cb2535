"""The fake runs of the plots' tests serve the report's tests too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "plots"))
