"""Errors of the environment: what a server answers because of its own state or rights, to any client.

A contender that gets one of these did not break anything, and one that falls back on them did not keep anything.
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
"""Redis before 7 wraps what a command in a script answered, and redis-py cuts the code off where it knows it."""
SQL_CLASSES = frozenset({"08", "25006", "28", "42501", "53", "55P02", "57", "58", "XX"})
"""SQLSTATEs, or their first two characters: connection, read-only, authorisation, rights, resources, a lock that the
server's own time limit gave up, shutdown and cancelling, the system, internal. 40 (a deadlock, a serialisation failure)
is an answer to what the clients did."""


def is_environment_error(error: BaseException) -> bool:
    """Whether a server, its rights or the network are the cause, not what the contender asked."""
    if isinstance(error, psycopg.Error):
        state = error.sqlstate
        if state is None:
            return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return state in SQL_CLASSES or state[:2] in SQL_CLASSES
    if isinstance(error, REDIS_CLASSES):
        return True
    return isinstance(error, redis.ResponseError) and REDIS_CODES.search(str(error)) is not None


def environment_error_in(reply: object) -> Exception | None:
    """The first error of the environment in an answer to EXEC, which holds its commands' errors as values."""
    if isinstance(reply, list):
        return next((e for e in reply if isinstance(e, Exception) and is_environment_error(e)), None)
    return None
