"""Checks that a user's Redis is suitable and grants the needed rights. An error is one line with the remedy."""

import socket
import ssl
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import redis

from stampede.core.errors import StackError
from stampede.core.text.redaction import masked
from stampede.stack.server_counters import keys_pattern
from stampede.stack.servers import ANSWER_WITHIN_S, Remark, without_password

OLDEST = (6, 2)
"""Older versions have no GETDEL and no SET with GET, and report less."""
SCRIPT = "return 1"
SCRIPT_SHA = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

Command = tuple[str, ...]


def data_commands(key: str) -> list[Command]:
    """Each command that contenders and the suite use on keys with the prefix, once, on keys that only we use."""
    text, table, line, ranked = key, f"{key}:hash", f"{key}:list", f"{key}:zset"
    return [
        ("SET", text, "1", "PX", "10000"),
        ("GET", text),
        ("EXISTS", text),
        ("INCRBY", text, "1"),
        ("PTTL", text),
        ("PEXPIRE", text, "10000"),
        ("TYPE", text),
        ("MEMORY", "USAGE", text),
        ("HSET", table, "field", "1"),
        ("HGET", table, "field"),
        ("HMGET", table, "field"),
        ("PEXPIRE", table, "10000"),
        ("RPUSH", line, "1"),
        ("BLPOP", line, "0.01"),
        ("ZADD", ranked, "1", "member"),
        ("ZCARD", ranked),
        ("ZRANGE", ranked, "0", "-1"),
        ("ZREMRANGEBYSCORE", ranked, "0", "1"),
        ("SCAN", "0", "MATCH", keys_pattern(key), "COUNT", "1"),
        ("TIME",),
        ("SCRIPT", "LOAD", SCRIPT),
        ("EVALSHA", SCRIPT_SHA, "1", text),
        ("EVAL", SCRIPT, "1", text),
        ("MULTI",),
        ("EXEC",),
        ("DEL", text),
        ("UNLINK", table),
    ]


def explorer_commands(key: str) -> list[Command]:
    """The commands that only the explorer of schedules uses."""
    return [
        ("COMMAND", "INFO", "get"),
        ("COMMAND", "GETKEYS", "get", key),
        ("SET", key, "1", "PX", "10000"),
        ("DUMP", key),
        ("RESTORE", key, "0", "no dump"),
        ("DEL", key),
    ]


def why_no_answer(url: str, error: Exception) -> str:
    """The remedy for a server that answered the first command with an error, with its message."""
    text = masked((str(error).strip().splitlines() or [type(error).__name__])[0], url)
    scheme = urlsplit(url).scheme
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"a certificate that this machine trusts; give its CA: ?ssl_ca_certs=/path/of/ca.pem ({text})"
    if isinstance(error, redis.AuthenticationError):
        return f"a valid user and password, as in redis://user:password@host ({text})"
    if "DB index is out of range" in text:
        return f"a database that exists: its number is below the server's setting databases ({text})"
    if "max number of clients" in text:
        return "room for another client: raise maxclients on the server, or close other clients"
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
        if scheme == "redis" and uses_tls(url):
            return "the scheme rediss:// instead of redis://: this port uses TLS"
        if scheme == "rediss" and uses_plain_text(url):
            return "the scheme redis:// instead of rediss://: this port does not use TLS"
    return f"a Redis server that answers: {text}"


def uses_tls(url: str) -> bool:
    """Whether a TLS handshake succeeds at this address. Nothing is sent after it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with open_socket(url) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as error:  # the server requires a certificate of the client
        return "CERTIFICATE_REQUIRED" in str(error)
    except OSError:
        return False


def uses_plain_text(url: str) -> bool:
    """Whether the server answers a PING without TLS in the Redis protocol."""
    try:
        with open_socket(url) as plain:
            plain.sendall(b"PING\r\n")
            return plain.recv(1) in (b"+", b"-")
    except OSError:
        return False


def open_socket(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "localhost", parts.port or 6379), ANSWER_WITHIN_S)


def require_no_sentinel(url: str, info: Mapping[str, Any]) -> None:
    """Raise StackError for a Sentinel. `info`: the answer of INFO or HELLO."""
    if mode_of(info) == "sentinel":
        want = "the address of the master, not of a Sentinel: SENTINEL GET-MASTER-ADDR-BY-NAME returns it"
        raise StackError("redis", without_password(url), want)


def mode_of(info: Mapping[str, Any]) -> str:
    """The server's mode. Valkey renamed the field."""
    return str(info.get("redis_mode") or info.get("server_mode") or "")


def require_single(url: str, info: Mapping[str, Any]) -> None:
    """Raise StackError for a server that is not a single master of a supported version."""
    shown, role = without_password(url), info.get("role")
    if mode_of(info) == "cluster" or info.get("cluster_enabled") in (1, "1"):
        want = "a single Redis server, not a node of a Cluster: the keys of one operation could be on several nodes"
        raise StackError("redis", shown, want)
    if role in ("slave", "replica"):
        host, port = info.get("master_host"), info.get("master_port")
        master = f": {host}:{port}" if host else " (INFO replication shows it)"
        raise StackError("redis", shown, f"the master, not a read-only replica of it{master}")
    version = tuple(int(part) for part in str(info.get("redis_version", "")).split(".")[:2] if part.isdecimal())
    oldest = ".".join(map(str, OLDEST))
    if version and version < OLDEST:
        raise StackError("redis", shown, f"Redis {oldest} or newer, or Valkey: this is {info['redis_version']}")


def require_rights(client: redis.Redis, url: str, prefix: str, *, explores: bool = False) -> None:
    """Try every needed command on our keys. Raises StackError for the commands that the server refuses."""
    key = f"{prefix}precondition-{uuid.uuid4().hex[:8]}"
    commands = explorer_commands(key) if explores else data_commands(key)
    shown, user = without_password(url), urlsplit(url).username or "default"
    answers = ask_all(client, commands)
    refused = [(command, str(answer)) for command, answer in zip(commands, answers, strict=True) if is_refusal(answer)]
    if any("key" in text and "permission" in text for _, text in refused):
        want = f"a user that may use the keys {prefix}* (ACL SETUSER {user} ~{prefix}*)"
        raise StackError("redis", shown, want)
    if refused:
        names = dict.fromkeys(command_right(command) for command, _ in refused)
        granted = " ".join(f"+{name}" for name in names)
        raise StackError("redis", shown, f"a user that may run {', '.join(names)}: ACL SETUSER {user} {granted}")
    unknown = [command_right(c) for c, answer in zip(commands, answers, strict=True) if is_unknown(answer)]
    if unknown:
        raise StackError("redis", shown, f"a server that supports {', '.join(dict.fromkeys(unknown))}")
    for answer in answers:
        want = why_unwritable(answer)
        if want:
            raise StackError("redis", shown, want)


def why_unwritable(answer: object) -> str:
    """The requirement that a server which refuses writes for now does not meet. Empty: it accepts them."""
    text = str(answer) if isinstance(answer, redis.RedisError) else ""
    if "maxmemory" in text:
        return "room for new keys: its memory is full (used_memory > maxmemory) and its maxmemory-policy evicts nothing"
    if "MISCONF" in text or "stop-writes-on-bgsave-error" in text:
        return "a server that accepts writes: its snapshots fail (MISCONF); see its log, or stop-writes-on-bgsave-error"
    if isinstance(answer, redis.ReadOnlyError):
        return "a server that accepts writes, not a read-only replica"
    return ""


def outside_prefix(client: redis.Redis, url: str, prefix: str) -> list[Remark]:
    """A remark if the user may not use keys with a word before our prefix."""
    key = f"lock:{prefix}precondition-{uuid.uuid4().hex[:8]}"
    if not any(is_refusal(answer) for answer in ask_all(client, [("SET", key, "1", "PX", "1000"), ("DEL", key)])):
        return []
    user = urlsplit(url).username or "default"
    names = " ".join(f"~{word}:{prefix}*" for word in ("lock", "fence", "waiting", "woken"))
    what = f"this user may not use keys such as lock:{prefix}* (ACL SETUSER {user} {names})"
    cost = "contenders that take locks fail: coalescing, coalescing-owned and your own contenders with such keys"
    return [Remark(name="ACL", what=what, cost=cost)]


def ask_all(client: redis.Redis, commands: Iterable[Sequence[str]]) -> list[Any]:
    """Send commands in one round trip, without a transaction. Returns the answer or the error of each."""
    connection: Any = client.connection_pool.get_connection()
    answers: list[Any] = []
    try:
        sent = [list(command) for command in commands]
        connection.send_packed_command(connection.pack_commands(sent))
        for _ in sent:
            try:
                answers.append(connection.read_response())
            except redis.ResponseError as error:
                answers.append(error)
    except BaseException:
        connection.disconnect()
        raise
    finally:
        client.connection_pool.release(connection)
    return answers


def is_refusal(answer: object) -> bool:
    """Whether the user lacks a right."""
    return isinstance(answer, redis.exceptions.NoPermissionError)


def is_unknown(answer: object) -> bool:
    """Whether the server lacks this command, or has renamed it."""
    return isinstance(answer, redis.ResponseError) and str(answer).lower().startswith("unknown ")


def command_right(command: Command) -> str:
    """The command in the notation of ACL rules: memory|usage."""
    name = command[0].lower()
    return f"{name}|{command[1].lower()}" if name in ("memory", "script", "command") else name
