"""What a user's Redis must be and allow, asked before a run: each thing that is missing is one line with its remedy."""

import socket
import ssl
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import redis

from stampede.core.errors import StackError
from stampede.core.text.redaction import masked
from stampede.stack.server_counters import under
from stampede.stack.servers import ANSWER_WITHIN_S, Remark, without_password

OLDEST = (6, 2)
"""Older Redis has no GETDEL, no SET with GET, and reports less."""
SCRIPT = "return 1"
SCRIPT_SHA = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

Command = tuple[str, ...]


def data_commands(key: str) -> list[Command]:
    """What contenders and the suite do with keys below the prefix, each once, on keys that are ours alone."""
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
        ("SCAN", "0", "MATCH", under(key), "COUNT", "1"),
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
    """What the explorer of schedules does besides."""
    return [
        ("COMMAND", "INFO", "get"),
        ("COMMAND", "GETKEYS", "get", key),
        ("SET", key, "1", "PX", "10000"),
        ("DUMP", key),
        ("RESTORE", key, "0", "no dump"),
        ("DEL", key),
    ]


def why_no_answer(url: str, error: Exception) -> str:
    """What was wanted of a server that gave an error to the first question, and what helps."""
    text = masked((str(error).strip().splitlines() or [type(error).__name__])[0], url)
    scheme = urlsplit(url).scheme
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"a certificate that this machine trusts; name its CA: ?ssl_ca_certs=/path/of/ca.pem ({text})"
    if isinstance(error, redis.AuthenticationError):
        return f"the server's own user and password, as in redis://user:password@host ({text})"
    if "DB index is out of range" in text:
        return f"a database that the server has: one below its setting databases ({text})"
    if "max number of clients" in text:
        return "room for another client: raise maxclients on the server, or close other clients"
    if isinstance(error, redis.ConnectionError | redis.TimeoutError | OSError):
        if scheme == "redis" and speaks_tls(url):
            return "the scheme rediss:// in place of redis://: this port speaks TLS"
        if scheme == "rediss" and speaks_plainly(url):
            return "the scheme redis:// in place of rediss://: this port does not speak TLS"
    return f"a Redis server that answers: {text}"


def speaks_tls(url: str) -> bool:
    """Whether a TLS handshake succeeds there; nothing is sent after it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with open_socket(url) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as error:  # it asks for the client's certificate
        return "CERTIFICATE_REQUIRED" in str(error)
    except OSError:
        return False


def speaks_plainly(url: str) -> bool:
    """Whether a PING without TLS gets a reply of the Redis protocol."""
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
    """Raise StackError for a Sentinel. `info`: INFO's, or HELLO's."""
    if mode_of(info) == "sentinel":
        want = "the master's address, not a Sentinel's port: SENTINEL GET-MASTER-ADDR-BY-NAME names it"
        raise StackError("redis", without_password(url), want)


def mode_of(info: Mapping[str, Any]) -> str:
    """Valkey renamed the field."""
    return str(info.get("redis_mode") or info.get("server_mode") or "")


def require_single(url: str, info: Mapping[str, Any]) -> None:
    """Raise StackError for a server that is no single master of a supported version."""
    shown, role = without_password(url), info.get("role")
    if mode_of(info) == "cluster" or info.get("cluster_enabled") in (1, "1"):
        want = "a single Redis server, not a node of a Cluster: keys of one operation would lie on several nodes"
        raise StackError("redis", shown, want)
    if role in ("slave", "replica"):
        host, port = info.get("master_host"), info.get("master_port")
        named = f": {host}:{port}" if host else " (INFO replication names it)"
        raise StackError("redis", shown, f"the master, not a read-only replica of it{named}")
    version = tuple(int(part) for part in str(info.get("redis_version", "")).split(".")[:2] if part.isdecimal())
    oldest = ".".join(map(str, OLDEST))
    if version and version < OLDEST:
        raise StackError("redis", shown, f"Redis {oldest} or newer, or Valkey: this is {info['redis_version']}")


def require_rights(client: redis.Redis, url: str, prefix: str, *, explores: bool = False) -> None:
    """Try every command that is needed on our keys. Raises StackError for what the server refuses."""
    key = f"{prefix}precondition-{uuid.uuid4().hex[:8]}"
    commands = explorer_commands(key) if explores else data_commands(key)
    shown, user = without_password(url), urlsplit(url).username or "default"
    answers = ask_all(client, commands)
    refused = [(command, str(answer)) for command, answer in zip(commands, answers, strict=True) if is_refusal(answer)]
    if any("key" in said and "permission" in said for _, said in refused):
        want = f"a user that may use the keys {prefix}* (ACL SETUSER {user} ~{prefix}*)"
        raise StackError("redis", shown, want)
    if refused:
        names = dict.fromkeys(command_right(command) for command, _ in refused)
        granted = " ".join(f"+{name}" for name in names)
        raise StackError("redis", shown, f"a user that may run {', '.join(names)}: ACL SETUSER {user} {granted}")
    unknown = [command_right(c) for c, answer in zip(commands, answers, strict=True) if is_unknown(answer)]
    if unknown:
        raise StackError("redis", shown, f"a server that knows {', '.join(dict.fromkeys(unknown))}")
    for answer in answers:
        want = why_unwritable(answer)
        if want:
            raise StackError("redis", shown, want)


def why_unwritable(answer: object) -> str:
    """What is wanted of a server that refuses writes for now; empty: it does not."""
    text = str(answer) if isinstance(answer, redis.RedisError) else ""
    if "maxmemory" in text:
        return "room for new keys: its memory is full (used_memory > maxmemory) and its maxmemory-policy evicts nothing"
    if "MISCONF" in text or "stop-writes-on-bgsave-error" in text:
        return "a server that takes writes: its snapshots fail (MISCONF); see its log, or stop-writes-on-bgsave-error"
    if isinstance(answer, redis.ReadOnlyError):
        return "a server that takes writes, not a read-only replica"
    return ""


def outside_prefix(client: redis.Redis, url: str, prefix: str) -> list[Remark]:
    """A remark where keys that carry a word before our prefix are refused."""
    key = f"lock:{prefix}precondition-{uuid.uuid4().hex[:8]}"
    if not any(is_refusal(answer) for answer in ask_all(client, [("SET", key, "1", "PX", "1000"), ("DEL", key)])):
        return []
    user = urlsplit(url).username or "default"
    names = " ".join(f"~{word}:{prefix}*" for word in ("lock", "fence", "waiting", "woken"))
    what = f"this user may not use keys such as lock:{prefix}* (ACL SETUSER {user} {names})"
    cost = "contenders that take locks fail: coalescing, coalescing-owned and those of your own that name keys so"
    return [Remark(name="ACL", what=what, cost=cost)]


def ask_all(client: redis.Redis, commands: Iterable[Sequence[str]]) -> list[Any]:
    """Commands in one round trip, one by one: each one's answer, or its error."""
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
    return isinstance(answer, redis.exceptions.NoPermissionError)


def is_unknown(answer: object) -> bool:
    """Whether the server has no such command, or renamed it."""
    return isinstance(answer, redis.ResponseError) and str(answer).lower().startswith("unknown ")


def command_right(command: Command) -> str:
    """The command as ACL rules name it: memory|usage."""
    name = command[0].lower()
    return f"{name}|{command[1].lower()}" if name in ("memory", "script", "command") else name
