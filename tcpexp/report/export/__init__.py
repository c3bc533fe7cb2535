"""A run as a hand-in: Markdown or PDF."""
