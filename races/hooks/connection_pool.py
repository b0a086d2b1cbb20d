"""The connection pool of scheduled clients: redis-py's without its metrics, which cost a sixth of a round trip."""

from typing import Any

from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from stampede.races.scheduler.virtual_time import real_time


class WarmPool(ConnectionPool):
    """Hands out connections that stay open, last in, first out, as redis-py's pool does."""

    def get_connection(self, *_asked_for: Any, **_options: Any) -> Any:
        """A connection that is open and has nothing left to read."""
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
        """Take it back; what another pool handed out is left alone."""
        if connection in self._in_use_connections:
            self._in_use_connections.remove(connection)
            self._available_connections.append(connection)


def unusable(connection: Any) -> bool:
    """Whether the server closed the connection, or an answer was left unread in it."""
    try:
        return bool(connection.can_read())
    except (RedisConnectionError, RedisTimeoutError, OSError):
        return True


def open_in(pool: Any) -> list[int]:
    """The descriptors of a pool's open connections."""
    connections = [*pool._available_connections, *pool._in_use_connections]
    return [c._sock.fileno() for c in connections if c._sock is not None]
