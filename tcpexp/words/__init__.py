"""Rates, times, sizes and counts in words, in the styles that readers need.

``measured``: four digits, of verdicts, figures and panels, where a number is compared with another.
``shown``: three digits, of the report's page and the terminal, with a dash where there is none.
``quoted``: three digits, of an explanation's running text.
``rough``: what suffices for a glance at the terminal: a rest of time, the room on a disk.

What a spec writes, exactly and with its unit (``20ms``), is read and written by ``tcpexp.units``.
"""
