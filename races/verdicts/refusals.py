"""Recognises errors of the environment: replies that any client would get because of a server's state or rights.

With such an error, a situation is not judged: neither a failure nor a fallback of the contender proves anything.
"""

import re

import psycopg
from redis import exceptions as redis

REDIS_CLASSES = (
    redis.ConnectionError,  # also LOADING, NOAUTH, WRONGPASS and too many clients
    redis.TimeoutError,
    redis.NoPermissionError,
    redis.ReadOnlyError,
    redis.OutOfMemoryError,
    redis.AskError,  # also MOVED
    redis.TryAgainError,
    redis.ClusterError,  # also CLUSTERDOWN and MASTERDOWN
    redis.ClusterCrossSlotError,
)
REDIS_CODES = re.compile(
    r"\b(NOPERM|READONLY|MOVED|ASK|CROSSSLOT|LOADING|MISCONF|OOM|CLUSTERDOWN|MASTERDOWN|NOAUTH|WRONGPASS|TRYAGAIN"
    r"|NOREPLICAS|BUSY|UNKILLABLE|DENIED|UNBLOCKED)\b|^unknown (sub)?command|ACL failure in script"
)
"""Codes in error texts. Redis before 7 wraps errors of scripts; redis-py removes the codes that it maps."""
SQL_CLASSES = frozenset({"08", "25006", "28", "42501", "53", "55P02", "57", "58", "XX"})
"""SQLSTATEs, or their first two characters: connection, read-only, authorisation, rights, resources, lock timeout of
the server, shutdown and cancelling, system, internal. Class 40 (deadlock, serialisation failure) is missing, because
the clients' statements cause it."""


def is_environment_error(error: BaseException) -> bool:
    """Whether the cause is a server, its rights or the network, and not the contender's request."""
    if isinstance(error, psycopg.Error):
        state = error.sqlstate
        if state is None:
            return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return state in SQL_CLASSES or state[:2] in SQL_CLASSES
    if isinstance(error, REDIS_CLASSES):
        return True
    return isinstance(error, redis.ResponseError) and REDIS_CODES.search(str(error)) is not None


def environment_error_in(reply: object) -> Exception | None:
    """The first error of the environment in the reply to EXEC, which contains the errors of its commands as values."""
    if isinstance(reply, list):
        return next((e for e in reply if isinstance(e, Exception) and is_environment_error(e)), None)
    return None
