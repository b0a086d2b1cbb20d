"""The servers' settings, read before and after each cell: an event for each that changed since the last reading."""

from collections.abc import Mapping
from typing import Any

import psycopg
import redis

from stampede.loadtests.coordinator.probes.probe import Probe, ProbedCell, ProbeRows
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.run_folder.write import TimelineRow
from stampede.stack.redis.redis_server import REPORTED_SETTINGS, as_text

Settings = dict[tuple[str, str], str]
"""(source, name): value."""


class SettingsProbe(Probe):
    """Compares the settings with those of its last reading; the first reading is compared with nothing."""

    def __init__(self, servers: ServerConnections) -> None:
        self._servers = servers
        self._settings: Settings = {}

    def before(self, cell: ProbedCell) -> None:
        self._rows = self._changes(cell)

    def after(self, cell: ProbedCell) -> ProbeRows:
        return ProbeRows(timeline=self._rows + self._changes(cell))

    def _changes(self, cell: ProbedCell) -> list[TimelineRow]:
        settings = read_settings(self._servers.redis, self._servers.postgres)
        rows = setting_rows(cell.plan.id, self._settings, settings)
        self._settings = settings
        return rows


def read_settings(client: redis.Redis, connection: psycopg.Connection[Any]) -> Settings:
    """The current settings of the servers; settings that a server does not report are absent."""
    found: Settings = {}
    for name, value in connection.execute("SELECT name, setting FROM pg_settings"):
        found["postgres", name] = str(value)
    try:
        reported: Mapping[Any, Any] = client.config_get(*REPORTED_SETTINGS)
    except redis.RedisError:
        return found
    return found | {("redis", as_text(name)): as_text(value) for name, value in reported.items()}


def setting_rows(cell: int, before: Settings, after: Settings) -> list[TimelineRow]:
    """An event for each setting whose value changed. A source is compared only if both readings hold it."""
    read = {source for source, _ in before} & {source for source, _ in after}
    rows: list[TimelineRow] = []
    for source, name in sorted(before.keys() | after.keys()):
        if source not in read or before.get((source, name)) == after.get((source, name)):
            continue
        change = f"{before.get((source, name), 'unset')} → {after.get((source, name), 'unset')}"
        rows.append((cell, now_ns(), source, f"setting {name}", None, f"setting changed: {change}"))
    return rows
