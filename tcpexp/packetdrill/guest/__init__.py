"""The part of the kernel's player that runs in the guest: the standard library and itself only.

It gets a script as small steps (:mod:`tcpexp.packetdrill.kernel.lower` makes them), does them, and
writes down what the kernel did. It judges nothing.
"""
