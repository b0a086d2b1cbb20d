"""The connection pool of scheduled clients. It omits redis-py's metrics, which cost a sixth of a round trip."""

from typing import Any

from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from stampede.races.scheduler.virtual_time import real_time


class WarmPool(ConnectionPool):
    """A pool of open connections, last in, first out, like redis-py's pool."""

    def get_connection(self, *_asked_for: Any, **_options: Any) -> Any:
        """An open connection without unread replies."""
        try:
            connection: Any = self._available_connections.pop()
        except IndexError:
            connection = self.make_connection()
        self._in_use_connections.add(connection)
        try:
            if connection._sock is not None and unusable(connection):
                connection.disconnect()
            if connection._sock is None:
                with real_time():
                    connection.connect()
        except BaseException:
            self.release(connection)
            raise
        return connection

    def release(self, connection: Any) -> None:
        """Take back a connection. Ignores the connections of other pools."""
        if connection in self._in_use_connections:
            self._in_use_connections.remove(connection)
            self._available_connections.append(connection)


def unusable(connection: Any) -> bool:
    """Whether the server closed the connection, or a reply was not read."""
    try:
        return bool(connection.can_read())
    except (RedisConnectionError, RedisTimeoutError, OSError):
        return True


def open_descriptors(pool: Any) -> list[int]:
    """The file descriptors of a pool's open connections."""
    connections = [*pool._available_connections, *pool._in_use_connections]
    return [c._sock.fileno() for c in connections if c._sock is not None]
