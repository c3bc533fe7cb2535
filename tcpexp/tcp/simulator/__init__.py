"""A deterministic simulator on a virtual clock: two connections and the links between them, for
tests and for figures in milliseconds.
"""
