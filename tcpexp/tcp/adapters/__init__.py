"""What stands between the core and the world: networks (UDP, TUN, impaired), the event loop,
sockets, the log of events.
"""
