"""This machine's own kernel as a place to run."""
