"""A process that runs Redis MONITOR and discards the output, as redis-cli in a terminal would.

It reads the server's URL from the first line of its input, prints "attached" when MONITOR is active, and ends when its
input is closed.
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
    threading.Thread(target=discard, args=(connection._sock,), daemon=True).start()
    sys.stdin.read()


def discard(connection: socket.socket) -> None:
    """Discard the output unparsed, so that the cost arises on the server and not here."""
    while connection.recv(1 << 16):
        pass


if __name__ == "__main__":
    main()
