"""The Redis clients of one process: set as each contender declares, metered, with all their connections open."""

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from stampede.loadtests.instrumentation.meters import CONNECTIONS, Meter
from stampede.patterns.caching.cache_pattern import ClientSettings

DEFAULT_BACKOFF_S = {"base": 0.01, "cap": 1}
"""Between a redis-py 8 client's retries where nothing else is set: ten of them last some 4 s on a dead server."""


def metered_client(url: str, settings: ClientSettings, ruler: Meter, connections: int) -> redis.Redis:
    """A redis-py client, set as the contender declares, whose connections count."""
    backoff = NoBackoff() if settings.retries == 0 else ExponentialWithJitterBackoff(**DEFAULT_BACKOFF_S)
    pool = redis.ConnectionPool.from_url(
        url,
        connection_class=CONNECTIONS[url.split(":", 1)[0]],
        ruler=ruler,
        max_connections=connections,
        socket_timeout=settings.socket_timeout_s,
        socket_connect_timeout=settings.socket_timeout_s,
        retry=Retry(backoff, settings.retries),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),  # a hosted service's; others refuse it
    )
    return redis.Redis(connection_pool=pool)


class RedisClients:
    """A client for each way in which contenders set theirs. Clients stay open from cell to cell."""

    def __init__(self, url: str, ruler: Meter, connections: int) -> None:
        """`connections`: the size of each pool."""
        self._url = url
        self._ruler = ruler
        self._connections = connections
        self._clients: dict[ClientSettings, redis.Redis] = {}

    def client(self, settings: ClientSettings) -> redis.Redis:
        """The client, its pool full: a connection made inside a cell would cost the contender a handshake."""
        if settings not in self._clients:
            self._clients[settings] = metered_client(self._url, settings, self._ruler, self._connections)
        pool = self._clients[settings].connection_pool
        held = [pool.get_connection() for _ in range(self._connections)]
        for connection in held:
            pool.release(connection)
        return self._clients[settings]

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
