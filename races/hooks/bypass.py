"""Detects connections and threads that a contender opens itself. Their steps cannot be scheduled.

There are two checks. Inside `refusing_bypasses` a scheduled client is refused as soon as it opens a socket, a psycopg
connection or a thread. `contender_connections` compares the sockets of this process that lead to the two servers with
those of the explorer. So it also finds a connection that was opened earlier, in another thread, or by a driver in C.
"""

import os
import socket
import stat
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from stampede.core.errors import ContenderRefused
from stampede.races.scheduler.virtual_time import clock_of_this_thread

DESCRIPTORS = Path("/dev/fd")
"""The folder that lists the open files of this process by number, on Linux and macOS."""
CANNOT_SCHEDULE = "it opens {what}, which the explorer cannot schedule"


class ExplorersThread(threading.Thread):
    """A thread of the explorer. It may start while a scheduled client runs."""


@contextmanager
def refusing_bypasses() -> Iterator[None]:
    """Inside the block, a scheduled client that opens a connection or a thread ends, and its contender is refused."""
    real_connect, real_start, real_init = socket.socket.connect, threading.Thread.start, psycopg.Connection.__init__

    def connect(self: socket.socket, address: Any) -> None:
        refuse(f"a connection to {address_text(address)}")
        real_connect(self, address)

    def start(self: threading.Thread) -> None:
        if not isinstance(self, ExplorersThread):
            refuse(f"a thread ({self.name})")
        real_start(self)

    def init(self: psycopg.Connection[Any], *args: Any, **settings: Any) -> None:
        refuse("a connection to PostgreSQL")  # psycopg.connect cannot be replaced: importers have already bound it
        real_init(self, *args, **settings)

    sockets: Any = socket.socket
    threads: Any = threading.Thread
    connections: Any = psycopg.Connection
    sockets.connect, threads.start, connections.__init__ = connect, start, init
    try:
        yield
    finally:
        del sockets.connect  # the inherited method of _socket.socket is visible again
        threads.start, connections.__init__ = real_start, real_init


def refuse(what: str) -> None:
    """End the scheduled client of the current thread by ClientKilled. Does nothing in any other thread."""
    clock = clock_of_this_thread()
    if clock is not None:
        raise clock.record_failure(ContenderRefused(CANNOT_SCHEDULE.format(what=what)))


def address_text(address: object) -> str:
    """The address as text: host:port, or the path of a socket."""
    if isinstance(address, tuple) and len(address) > 1:
        return f"{address[0]}:{address[1]}"
    return os.fsdecode(address) if isinstance(address, str | bytes) else str(address)


def contender_connections(own_sockets: Mapping[int, int], foreign_sockets: Collection[int]) -> list[str]:
    """The addresses of connections to the explorer's servers that this process opened without the explorer.

    `own_sockets`: descriptor to inode of the explorer's connections, at least one to each server.
    `foreign_sockets`: the inodes of sockets that existed before the contender.
    """
    servers = {server_of(peer_of(number)) for number in own_sockets}
    return sorted(
        address_text(peer)
        for inode, peer in sockets_of_this_process().items()
        if inode not in foreign_sockets and inode not in own_sockets.values() and server_of(peer) in servers
    )


def server_of(peer: Any) -> object:
    """Identifies a server by its port or the path of its socket, because localhost has several addresses."""
    return peer[1] if isinstance(peer, tuple) else peer


def sockets_of_this_process() -> dict[int, Any]:
    """The connected sockets of this process: inode to the address of the peer."""
    found: dict[int, Any] = {}
    for name in os.listdir(DESCRIPTORS) if DESCRIPTORS.is_dir() else ():
        with suppress(OSError):  # closed in the meantime, or not connected
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found[status.st_ino] = peer_of(int(name))
    return found


def peer_of(number: int) -> Any:
    """The address of the peer of an open socket. Raises OSError if it is not connected."""
    copy = os.dup(number)
    try:
        with socket.socket(fileno=copy) as opened:
            copy = -1  # the with statement closes the copy
            return opened.getpeername()
    finally:
        if copy >= 0:
            os.close(copy)
