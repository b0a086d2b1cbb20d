"""The coordinator's own connections to the servers."""

import time
from typing import Any

import psutil
import psycopg
import redis

from stampede.core.errors import HarnessBroken
from stampede.loadtests.appserver.redis_clients import metered_client
from stampede.loadtests.instrumentation.meters import Meter
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.patterns.caching.cache_pattern import ClientSettings
from stampede.stack.postgres.source import prepare_session

GAUGE_WITHIN = ClientSettings(socket_timeout_s=0.2, retries=0)
"""How the gauges' client is set: a server that hangs must not hold them up."""
BACK_WITHIN_S = 5.0
"""How long a server may take to answer again after a connection to it was lost."""
AGAIN_S = 0.2
LOST = (psycopg.OperationalError, psycopg.InterfaceError, redis.ConnectionError, redis.TimeoutError)
"""What a driver raises where a server, or a connection to it, is gone."""


class ServerConnections:
    """A connection to PostgreSQL and two clients of Redis; `connect_again` replaces the first."""

    def __init__(self, spec: RunConfig, ruler: Meter) -> None:
        self._spec = spec
        self.redis = metered_client(spec.redis_url, ClientSettings(), ruler, 8)
        self.gauge_redis = metered_client(spec.redis_url, GAUGE_WITHIN, ruler, 2)
        """With short timeouts, for gauges."""
        self.postgres: psycopg.Connection[Any] = psycopg.connect(spec.postgres_url, autocommit=True)
        self._prepare()

    def _prepare(self) -> None:
        prepare_session(self.postgres, self._spec.scenarios[0].statements["session"])
        self.postmaster = postmaster_of(self.postgres)

    def connect_again(self) -> None:
        """A server ended a connection of ours, or the server itself ended and came back. Raises HarnessBroken where it
        does not answer within BACK_WITHIN_S."""
        self.postgres.close()
        give_up = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                self.gauge_redis.ping()
                self.postgres = psycopg.connect(
                    self._spec.postgres_url, autocommit=True, prepare_threshold=None, connect_timeout=5
                )
                self._prepare()
            except LOST as lost:
                if time.monotonic() > give_up:
                    name = "PostgreSQL" if isinstance(lost, psycopg.Error) else "Redis"
                    raise HarnessBroken(f"{name} no longer answers: {as_line(lost)}") from lost
                time.sleep(AGAIN_S)
            else:
                return

    def close(self) -> None:
        self.redis.close()
        self.gauge_redis.close()
        self.postgres.close()


def as_line(error: Exception) -> str:
    """An error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def postmaster_of(connection: psycopg.Connection[Any]) -> psutil.Process | None:
    """PostgreSQL's first process where the server runs on this machine, in sight of us; else None."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    try:
        backend = psutil.Process(row[0] if row else 0)
        parent = backend.parent()
        return parent if backend.name() == "postgres" and parent and parent.name() == "postgres" else None
    except psutil.Error:
        return None
