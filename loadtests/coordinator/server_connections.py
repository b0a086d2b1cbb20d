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

GAUGE_CLIENT = ClientSettings(socket_timeout_s=0.2, retries=0)
"""Settings of the gauges' client: a server that hangs must not delay them."""
RECONNECT_WITHIN_S = 5.0
"""How long a server may take to answer again after a connection to it was lost."""
RETRY_EVERY_S = 0.2
CONNECTION_LOST = (psycopg.OperationalError, psycopg.InterfaceError, redis.ConnectionError, redis.TimeoutError)
"""The exceptions of the drivers if a server, or a connection to it, is gone."""


class ServerConnections:
    """One connection to PostgreSQL and two Redis clients; `reconnect` replaces the PostgreSQL connection."""

    def __init__(self, config: RunConfig, meter: Meter) -> None:
        self._config = config
        self.redis = metered_client(config.redis_url, ClientSettings(), meter, 8)
        self.gauge_redis = metered_client(config.redis_url, GAUGE_CLIENT, meter, 2)
        """A client with short timeouts, for the gauges."""
        self.postgres: psycopg.Connection[Any] = psycopg.connect(config.postgres_url, autocommit=True)
        self._prepare()

    def _prepare(self) -> None:
        prepare_session(self.postgres, self._config.scenarios[0].session)
        self.postmaster = postmaster_of(self.postgres)

    def reconnect(self) -> None:
        """Connect again after a server closed a connection or restarted. Raises HarnessBroken if it does not answer
        within RECONNECT_WITHIN_S."""
        self.postgres.close()
        give_up = time.monotonic() + RECONNECT_WITHIN_S
        while True:
            try:
                self.gauge_redis.ping()
                self.postgres = psycopg.connect(
                    self._config.postgres_url, autocommit=True, prepare_threshold=None, connect_timeout=5
                )
                self._prepare()
            except CONNECTION_LOST as lost:
                if time.monotonic() > give_up:
                    name = "PostgreSQL" if isinstance(lost, psycopg.Error) else "Redis"
                    raise HarnessBroken(f"{name} no longer answers: {one_line(lost)}") from lost
                time.sleep(RETRY_EVERY_S)
            else:
                return

    def close(self) -> None:
        self.redis.close()
        self.gauge_redis.close()
        self.postgres.close()


def one_line(error: Exception) -> str:
    """An error's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def postmaster_of(connection: psycopg.Connection[Any]) -> psutil.Process | None:
    """PostgreSQL's first process, if the server runs on this machine and its processes are visible; else None."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    try:
        backend = psutil.Process(row[0] if row else 0)
        parent = backend.parent()
        return parent if backend.name() == "postgres" and parent and parent.name() == "postgres" else None
    except psutil.Error:
        return None
