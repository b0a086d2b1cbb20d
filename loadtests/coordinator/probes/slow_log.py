"""New entries of the Redis slow log in a cell, by entry number. The log is never reset: the server may be shared."""

from collections.abc import Mapping
from typing import Any

import redis

from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.run_folder.write import TimelineRow

MAX_ENTRIES = 128
"""The number of entries read: as many as a server keeps by default."""


class SlowLogProbe(Probe):
    """The entries that the slow log gains while a cell runs."""

    def __init__(self, servers: ServerConnections, key_prefix: str) -> None:
        self._servers = servers
        self._key_prefix = key_prefix

    def before(self, cell: ProbedCell) -> None:  # noqa: ARG002 - one log for all cells
        self._last = last_entry(self._servers.redis)

    def after(self, cell: ProbedCell) -> ProbeRows:
        return ProbeRows(timeline=slow_entries(self._servers.redis, self._last, cell.plan.id, self._key_prefix))


def last_entry(client: redis.Redis) -> int | None:
    """The number of the newest entry; −1 if there is none, None if the server does not report it."""
    try:
        entries: list[dict[str, Any]] = client.slowlog_get(1)
    except redis.ResponseError:
        return None
    return int(entries[0]["id"]) if entries else -1


def slow_entries(client: redis.Redis, since: int | None, cell: int, key_prefix: str) -> list[TimelineRow]:
    """Entries newer than `since`, as timeline rows; the value is the execution time in ms.

    The server dates entries to the second, so the rows have the instant at which they were read. A row holds only the
    command's name and its key if the key is the suite's own: a shared server's slow log holds other users' data.
    """
    if since is None:
        return []
    return [
        (cell, now_ns(), "redis", "slow_ms", float(entry["duration"]) / 1e3, describe_entry(entry, key_prefix))
        for entry in reversed(client.slowlog_get(MAX_ENTRIES))
        if int(entry["id"]) > since
    ]


def describe_entry(entry: Mapping[str, Any], key_prefix: str) -> str:
    """A command's name, and its first argument if that is a key of the suite."""
    command = entry["command"]
    name, _, rest = (command if isinstance(command, bytes) else str(command).encode()).partition(b" ")
    key = rest.partition(b" ")[0].decode(errors="replace")
    shown = name.decode(errors="replace").upper()
    return f"{shown} {key}" if key.startswith(key_prefix) else shown
