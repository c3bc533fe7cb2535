"""Captures that nobody here made, explained: a run directory made of them, and its page."""
