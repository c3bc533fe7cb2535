"""Send a typed linked list over TCP and print the answer: ``list_client.py HOST PORT [--nodes N]
[--lie content] [--price TEXT]``.
"""

import argparse
import socket
import sys

from list_format import pack_list

parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("port", type=int)
parser.add_argument("--nodes", type=int, default=10)
parser.add_argument("--lie", choices=["count", "content"])
parser.add_argument("--price", help="a price for all books, as it was typed")
options = parser.parse_args()

data = pack_list(options.nodes, lie=options.lie, price=options.price)
with socket.create_connection((options.host, options.port)) as connection:
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
print(f"sent {len(data)} bytes; answer: {answer.strip() or 'none'}")
sys.exit(0 if answer.startswith("ok") else 1)
