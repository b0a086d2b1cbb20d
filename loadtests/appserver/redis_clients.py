"""Redis clients of one process: with the settings that each contender declares, metered, all connections open."""

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from stampede.loadtests.instrumentation.meters import CONNECTIONS, Meter
from stampede.patterns.caching.cache_pattern import ClientSettings

DEFAULT_BACKOFF_S = {"base": 0.01, "cap": 1}
"""The default backoff between retries of a redis-py 8 client: ten retries take some 4 s if the server is down."""


def metered_client(url: str, settings: ClientSettings, meter: Meter, connections: int) -> redis.Redis:
    """A redis-py client with the contender's settings and metered connections."""
    backoff = NoBackoff() if settings.retries == 0 else ExponentialWithJitterBackoff(**DEFAULT_BACKOFF_S)
    pool = redis.ConnectionPool.from_url(
        url,
        connection_class=CONNECTIONS[url.split(":", 1)[0]],
        meter=meter,
        max_connections=connections,
        socket_timeout=settings.socket_timeout_s,
        socket_connect_timeout=settings.socket_timeout_s,
        retry=Retry(backoff, settings.retries),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),  # only hosted services accept it
    )
    return redis.Redis(connection_pool=pool)


class RedisClients:
    """One client for each set of client settings. Clients stay open from cell to cell."""

    def __init__(self, url: str, meter: Meter, connections: int) -> None:
        """`connections`: the size of each pool."""
        self._url = url
        self._meter = meter
        self._connections = connections
        self._clients: dict[ClientSettings, redis.Redis] = {}

    def client(self, settings: ClientSettings) -> redis.Redis:
        """The client with all its connections open: a connection made during a cell would cost a handshake."""
        if settings not in self._clients:
            self._clients[settings] = metered_client(self._url, settings, self._meter, self._connections)
        pool = self._clients[settings].connection_pool
        connections_open = [pool.get_connection() for _ in range(self._connections)]
        for connection in connections_open:
            pool.release(connection)
        return self._clients[settings]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
