"""Redis and Valkey: starts a Valkey server, and reads the version and settings of any server."""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stampede.core.errors import StackError
from stampede.core.network import free_port
from stampede.core.text.redaction import masked
from stampede.stack.postgres.postgres_server import ids, own_directory, server_environment, wait_until, write_private
from stampede.stack.providers.binaries import ServerAccount
from stampede.stack.redis.redis_rights import (
    outside_prefix,
    require_no_sentinel,
    require_rights,
    require_single,
    why_no_answer,
)
from stampede.stack.redis.redis_url import check_redis_url
from stampede.stack.servers import ANSWER_WITHIN_S, Remark, Server, without_password
from stampede.stack.supervisor.supervisor_client import SupervisorClient, last_line

REPORTED_SETTINGS = ("maxmemory", "maxmemory-policy", "appendonly", "save", "io-threads", "hz", "latency-tracking")
"""The settings that a report shows, if the server returns them."""


def start_valkey(
    supervisor: SupervisorClient, binary: Path, account: ServerAccount | None, name: str = "valkey"
) -> str:
    """Start a Valkey server that stores nothing on disk. Returns its URL once it answers.

    `name`: unique within a supervisor.
    """
    home = own_directory(supervisor.directory / name, account)
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
            "set-proc-title no",  # the command line keeps the path, by which remove_stale recognises the process
        ]
        settings = write_private(home / f"{attempt}.conf", "\n".join(lines) + "\n", account)
        log = supervisor.directory / f"{name}-{attempt}.log"
        argv = [str(binary), str(settings)]
        pid = supervisor.start(argv, log=log, stop=("SIGTERM",), account=ids(account), env=server_environment())
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        if wait_until(lambda url=url: answers(url), supervisor, pid, log):  # type: ignore[misc]
            supervisor.watch("Valkey" if name == "valkey" else f"Valkey ({name})")
            return url
    raise StackError("stack", "embedded", f"a Valkey server that starts ({last_line(log)})")


def answers(url: str) -> bool:
    """Whether the server answers a PING."""
    with client_with_timeout(url) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def client_with_timeout(url: str) -> redis.Redis:
    """A client that does not retry and waits at most ANSWER_WITHIN_S for an answer."""
    return redis.Redis.from_url(
        url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S, retry=Retry(NoBackoff(), 0)
    )


def inspect_redis(url: str) -> tuple[Server, list[Remark]]:
    """The server's version and settings, and remarks on missing rights. Raises StackError in one line."""
    check_redis_url(url)
    with client_with_timeout(url) as client:
        info, remarks = ask_info(client, url)
        require_no_sentinel(url, info)
        settings, more = reported_settings(client)
    return server_of(url, info, settings), remarks + more


def inspect_usable_redis(url: str, key_prefix: str) -> tuple[Server, list[Remark]]:
    """As `inspect_redis`, and check that a run can use the server. Raises StackError with the remedy."""
    check_redis_url(url)
    with client_with_timeout(url) as client:
        info, remarks = ask_info(client, url)
        require_no_sentinel(url, info)
        require_single(url, info)
        require_rights(client, url, key_prefix)
        settings, more = reported_settings(client)
        remarks += [*more, *outside_prefix(client, url, key_prefix)]
    return server_of(url, info, settings), remarks


def ask_info(client: redis.Redis, url: str) -> tuple[dict[str, Any], list[Remark]]:
    """The answer of INFO. If the user may not read it: the answer of HELLO, under the names of INFO."""
    try:
        try:
            return client.info(), []
        except redis.exceptions.NoPermissionError as error:
            cost = "the server's own counts, times and memory are missing, and our counts of commands are not checked"
            user = urlsplit(url).username or "default"
            what = f"this user may not read INFO (ACL SETUSER {user} +info)"
            return hello(client, error), [Remark(name="INFO", what=what, cost=cost)]
    except (redis.RedisError, OSError, ValueError) as error:
        raise StackError("redis", without_password(url), why_no_answer(url, error)) from error


def hello(client: redis.Redis, refused: redis.ResponseError) -> dict[str, Any]:
    """The answer of HELLO, under the names of INFO. Raises `refused` if the server has no HELLO."""
    client_of_any: Any = client
    answer = client_of_any.execute_command("HELLO")
    if not isinstance(answer, dict | list):
        raise refused
    pairs = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
    answer = {as_text(name): as_text(value) for name, value in pairs.items()}
    name, version = answer.get("server", "redis"), str(answer.get("version", "unknown"))
    found = {"redis_version": version, "redis_mode": answer.get("mode"), "role": answer.get("role")}
    return found | ({"server_name": name, "valkey_version": version} if name == "valkey" else {})


def server_of(url: str, info: dict[str, Any], settings: dict[str, str]) -> Server:
    """The server that INFO or HELLO describes."""
    valkey = info.get("server_name") == "valkey"
    version = info["valkey_version" if valkey else "redis_version"]
    settings |= {"compatible_with": f"Redis {info['redis_version']}"} if valkey else {}
    name = "Valkey" if valkey else "Redis"
    allocator = info.get("mem_allocator")
    return Server(url=url, name=name, version=str(version), settings=settings, allocator=allocator)


def reported_settings(client: redis.Redis) -> tuple[dict[str, str], list[Remark]]:
    """The settings for the report, and a remark if the server refuses to return them."""
    try:
        reported: dict[bytes | str, bytes | str] = client.config_get(*REPORTED_SETTINGS)  # type: ignore[assignment]
    except redis.ResponseError as error:
        cost = "the report cannot show the server's memory limit, eviction policy and persistence"
        return {}, [Remark(name="CONFIG", what=f"the server refuses CONFIG GET ({masked(str(error))})", cost=cost)]
    return {as_text(name): as_text(value) for name, value in reported.items()}, []


def as_text(value: Any) -> Any:
    """Bytes as text; any other value unchanged."""
    return value.decode() if isinstance(value, bytes) else value
