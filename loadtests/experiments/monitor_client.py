"""A MONITOR client of its own, as a person at a terminal would be: a process that reads what Redis tells and drops it.

Reads the server's URL from its first line of input, says "attached" once Redis tells it every command, and ends with
its input.
"""

import socket
import sys
import threading

import redis


def main() -> None:
    connection = redis.ConnectionPool.from_url(sys.stdin.readline().strip()).get_connection()
    connection.send_command("MONITOR")  # type: ignore[no-untyped-call]
    connection.read_response()
    print("attached", flush=True)
    threading.Thread(target=drop, args=(connection._sock,), daemon=True).start()
    sys.stdin.read()


def drop(line: socket.socket) -> None:
    """Read without looking: the price is the server's, not this reader's."""
    while line.recv(1 << 16):
        pass


if __name__ == "__main__":
    main()
