"""The report of a run: one HTML page, and a summary for the terminal."""
