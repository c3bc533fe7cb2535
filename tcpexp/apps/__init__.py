"""Small programs that experiments start on hosts: plain sockets, standard library, nothing of ours
imported.
"""
