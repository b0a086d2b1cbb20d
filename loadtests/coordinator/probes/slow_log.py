"""What Redis' slow log gained in a cell, by its entries' numbers: never reset, since the server may be shared."""

from collections.abc import Mapping
from typing import Any

import redis

from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.run_folder.write import TimelineRow

MOST = 128
"""Entries that are looked at: as many as a server keeps by default."""


class SlowLogProbe(Probe):
    """The entries that the slow log gains while a cell runs."""

    def __init__(self, servers: ServerConnections, key_prefix: str) -> None:
        self._servers = servers
        self._key_prefix = key_prefix

    def before(self, cell: ProbedCell) -> None:  # noqa: ARG002 - the log is the server's, of all cells
        self._last = last_entry(self._servers.redis)

    def after(self, cell: ProbedCell) -> ProbeRows:
        return ProbeRows(timeline=slow_entries(self._servers.redis, self._last, cell.order.id, self._key_prefix))


def last_entry(client: redis.Redis) -> int | None:
    """The number of the newest entry, −1 where there is none; None where the server does not report it."""
    try:
        entries: list[dict[str, Any]] = client.slowlog_get(1)
    except redis.ResponseError:
        return None
    return int(entries[0]["id"]) if entries else -1


def slow_entries(client: redis.Redis, since: int | None, cell: int, key_prefix: str) -> list[TimelineRow]:
    """Entries that are newer than `since`, as rows of the timeline: the value is the execution time in ms.

    The server dates them to the second; the rows carry the instant at which they were read. What is stored of a command
    is its name and, if it is one of ours, its key: a shared server's slow log holds other people's data.
    """
    if since is None:
        return []
    return [
        (cell, now_ns(), "redis", "slow_ms", float(entry["duration"]) / 1e3, as_dict(entry, key_prefix))
        for entry in reversed(client.slowlog_get(MOST))
        if int(entry["id"]) > since
    ]


def as_dict(entry: Mapping[str, Any], key_prefix: str) -> str:
    """A command's name, and its first argument where that is a key of ours."""
    command = entry["command"]
    name, _, rest = (command if isinstance(command, bytes) else str(command).encode()).partition(b" ")
    key = rest.partition(b" ")[0].decode(errors="replace")
    shown = name.decode(errors="replace").upper()
    return f"{shown} {key}" if key.startswith(key_prefix) else shown
