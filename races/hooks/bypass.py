"""Detects connections and threads that a contender opens itself. Their steps cannot be scheduled.

Two looks. Inside `watched` a held client that opens a socket, a psycopg connection or a thread is refused there and
then. `own_connections` compares the sockets of this process that lead to the two servers with those that the explorer
opened: so a connection that was opened earlier, in another thread, or by a driver written in C is found as well.
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
"""This process's open files, by number; Linux and macOS have it."""
CANNOT_SCHEDULE = "it opens {what} of its own, and what it does there is not held"


class ExplorersThread(threading.Thread):
    """A thread of the explorer. It may begin while a scheduled client runs."""


@contextmanager
def refusing_bypasses() -> Iterator[None]:
    """Inside the block a scheduled client that opens a connection or a thread is ended, and its contender refused."""
    real_connect, real_start, real_init = socket.socket.connect, threading.Thread.start, psycopg.Connection.__init__

    def connect(self: socket.socket, address: Any) -> None:
        refuse(f"a connection to {shown(address)}")
        real_connect(self, address)

    def start(self: threading.Thread) -> None:
        if not isinstance(self, ExplorersThread):
            refuse(f"a thread ({self.name})")
        real_start(self)

    def init(self: psycopg.Connection[Any], *args: Any, **settings: Any) -> None:
        refuse("a connection to PostgreSQL")  # psycopg.connect was bound when psycopg was imported; this is not
        real_init(self, *args, **settings)

    sockets: Any = socket.socket
    threads: Any = threading.Thread
    connections: Any = psycopg.Connection
    sockets.connect, threads.start, connections.__init__ = connect, start, init
    try:
        yield
    finally:
        del sockets.connect  # what _socket.socket has shows again
        threads.start, connections.__init__ = real_start, real_init


def refuse(what: str) -> None:
    """End the scheduled client of the current thread by ClientKilled. Does nothing in another thread."""
    clock = clock_of_this_thread()
    if clock is not None:
        raise clock.record_failure(ContenderRefused(CANNOT_SCHEDULE.format(what=what)))


def shown(address: object) -> str:
    """host:port, or a socket's path."""
    if isinstance(address, tuple) and len(address) > 1:
        return f"{address[0]}:{address[1]}"
    return os.fsdecode(address) if isinstance(address, str | bytes) else str(address)


def contender_connections(ours: Mapping[int, int], foreign_sockets: Collection[int]) -> list[str]:
    """Where sockets of this process lead that the explorer did not open, if it is one of the explorer's servers.

    `ours`: descriptors of the explorer's connections, at least one to each server, to their inodes.
    `others`: inodes of sockets that were there before the contender.
    """
    servers = {server_of(peer_of(number)) for number in ours}
    return sorted(
        shown(peer)
        for inode, peer in sockets_of_this_process().items()
        if inode not in foreign_sockets and inode not in ours.values() and server_of(peer) in servers
    )


def server_of(peer: Any) -> object:
    """A server by its port or its socket's path: localhost has more than one address."""
    return peer[1] if isinstance(peer, tuple) else peer


def sockets_of_this_process() -> dict[int, Any]:
    """The connected sockets: the inode of each, and the address that it leads to."""
    found: dict[int, Any] = {}
    for name in os.listdir(DESCRIPTORS) if DESCRIPTORS.is_dir() else ():
        with suppress(OSError):  # closed meanwhile, or not connected
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found[status.st_ino] = peer_of(int(name))
    return found


def peer_of(number: int) -> Any:
    """The address that an open socket is connected to. Raises OSError if it is not connected."""
    copy = os.dup(number)
    try:
        with socket.socket(fileno=copy) as opened:
            copy = -1  # it closes it
            return opened.getpeername()
    finally:
        if copy >= 0:
            os.close(copy)
