"""Congestion control: how much may be in the network.

Plug-ins, listed in :mod:`tcpexp.tcp.core.congestion.builtin`.
"""
