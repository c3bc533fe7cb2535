"""The list's layout on the wire: what ``struct node`` of list_server.c is to a C compiler, with
numbers in network byte order.

The 2x and x are the padding that aligns the numbers behind them to four bytes; without them a node
would have 273 bytes.
"""

import struct

COUNT = struct.Struct("!I")
NODE = struct.Struct("!iih2xI255sxI")
CONTENT = b"a" * 1000


def pack_list(nodes, lie=None, price=None):
    """Return a list of ``nodes`` books.

    Node i has rating 2i, price 3i and 1000 bytes of content.
    """
    parts = [COUNT.pack(nodes + 1 if lie == "count" else nodes)]
    for number in range(nodes):
        following = number + 1 if number + 1 < nodes else -1
        length = 4_000_000_000 if lie == "content" else len(CONTENT)
        title = f"Book by {number}".encode()
        parts.append(
            NODE.pack(
                number, following, 2 * number, 3 * number if price is None else price, title, length
            )
        )
        parts.append(CONTENT)
    return b"".join(parts)
