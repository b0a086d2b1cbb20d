"""Redis or Valkey: start one of our own, and ask any one what it is."""

import secrets
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stack.binaries import Account
from stack.guard import Guard, last_line
from stack.postgres import free_port, ids, own_directory, server_environment, wait_until, write_private
from stack.servers import ANSWER_WITHIN_S, Remark, Server, StackError, without_password

TOLD_SETTINGS = ("maxmemory", "maxmemory-policy", "appendonly", "save", "io-threads", "hz", "latency-tracking")
"""What a report says about the server, where the server tells."""


def start_valkey(guard: Guard, binary: Path, account: Account | None, name: str = "valkey") -> str:
    """Start a Valkey server that keeps nothing on disk. Returns the URL, once it answers. `name`: one a guard."""
    home = own_directory(guard.directory / name, account)
    password = secrets.token_hex(16)
    for attempt in range(3):
        port = free_port()
        lines = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f"unixsocket {home}/socket",
            "unixsocketperm 700",
            f"dir {home}",
            'save ""',
            "appendonly no",
            "daemonize no",
            "latency-tracking yes",
            "set-proc-title no",  # the command line keeps the path: a sweep recognises the process by it
        ]
        settings = write_private(home / f"{attempt}.conf", "\n".join(lines) + "\n", account)
        log = guard.directory / f"{name}-{attempt}.log"
        argv = [str(binary), str(settings)]
        pid = guard.start(argv, log=log, stop=("SIGTERM",), account=ids(account), env=server_environment())
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        if wait_until(lambda url=url: answers(url), guard, pid, log):  # type: ignore[misc]
            guard.watch("Valkey" if name == "valkey" else f"Valkey ({name})")
            return url
    raise StackError("stack", "embedded", f"a Valkey server that starts ({last_line(log)})")


def answers(url: str) -> bool:
    with patient_client(url) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def patient_client(url: str) -> redis.Redis:
    """A client that asks once and waits ANSWER_WITHIN_S."""
    return redis.Redis.from_url(
        url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S, retry=Retry(NoBackoff(), 0)
    )


def inspect_redis(url: str) -> tuple[Server, list[Remark]]:
    """What the server says of itself, and what it does not let us do. Raises StackError in one line."""
    shown = without_password(url)
    try:
        client = patient_client(url)
    except ValueError as error:
        raise StackError("redis", shown, "redis://[:password@]host[:port][/db]") from error
    with client:
        try:
            info: dict[str, Any] = client.info()
        except redis.RedisError as error:
            why = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
            raise StackError("redis", shown, f"a Redis server that answers: {why}") from error
        settings, remarks = told_settings(client)
    valkey = info.get("server_name") == "valkey"
    version = info["valkey_version" if valkey else "redis_version"]
    settings |= {"compatible_with": f"Redis {info['redis_version']}"} if valkey else {}
    name = "Valkey" if valkey else "Redis"
    allocator = info.get("mem_allocator")
    return Server(url=url, name=name, version=str(version), settings=settings, allocator=allocator), remarks


def told_settings(client: redis.Redis) -> tuple[dict[str, str], list[Remark]]:
    try:
        told: dict[bytes | str, bytes | str] = client.config_get(*TOLD_SETTINGS)  # type: ignore[assignment]
    except redis.ResponseError as error:
        cost = "the report cannot say the server's memory limit, eviction policy and persistence"
        return {}, [Remark(name="CONFIG", what=f"the server refuses CONFIG GET ({error})", cost=cost)]
    return {as_text(name): as_text(value) for name, value in told.items()}, []


def as_text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
