"""What MONITOR of a real server prints is read as the commands that were sent."""

import socket
from pathlib import Path

import redis

from stampede.scenarios.traffic.trace_files.key_hashing import hash_texts
from stampede.scenarios.traffic.trace_files.trace_chunk import TraceOperation
from stampede.scenarios.traffic.trace_files.trace_reader import open_trace

END = b"the-end"


def test_monitor_of_a_real_server_has_the_sent_commands(
    redis_client: redis.Redis, key_prefix: str, tmp_path: Path
) -> None:
    """Keys of any bytes, values, TTLs, commands with several keys and commands in a script arrive as they were sent."""
    settings = redis_client.connection_pool.connection_kwargs
    odd = key_prefix.encode() + bytes(range(256))
    plain, other = f"{key_prefix}a".encode(), f"{key_prefix}b".encode()
    with socket.create_connection((settings["host"], settings["port"]), timeout=60) as connection:
        if settings.get("password"):
            connection.sendall(f"AUTH {settings.get('username') or 'default'} {settings['password']}\r\n".encode())
            assert connection.recv(1 << 16) == b"+OK\r\n"
        connection.sendall(b"MONITOR\r\n")
        received = connection.recv(1 << 16)
        assert received.startswith(b"+OK"), received
        redis_client.set(odd, b'v"\\\n\xff', px=2_500)
        redis_client.get(odd)
        redis_client.mget([plain, odd])
        redis_client.execute_command("SETEX", plain, 60, b"12345")  # type: ignore[no-untyped-call]
        redis_client.eval("return redis.call('GET', KEYS[1])", 1, plain)
        redis_client.delete(plain, other)
        redis_client.echo(END)
        while END not in received:
            received += connection.recv(1 << 16)
    file = tmp_path / "monitor.txt"
    file.write_bytes(received)
    trace = open_trace(file)
    found = [
        row
        for chunk in trace
        for row in zip(chunk.key, chunk.operation, chunk.size_bytes, chunk.ttl_s.round(9), strict=True)
    ]
    names = dict(zip(hash_texts([odd, plain, other]).tolist(), ("odd", "plain", "other"), strict=True))
    assert trace.format.name == "redis-monitor"
    assert trace.malformed == 0
    assert [(names[key], TraceOperation(op).name, size, str(ttl)) for key, op, size, ttl in found if key in names] == [
        ("odd", "WRITE", 5, "2.5"),
        ("odd", "READ", -1, "nan"),
        ("plain", "READ", -1, "nan"),
        ("odd", "READ", -1, "nan"),
        ("plain", "WRITE", 5, "60.0"),
        ("plain", "READ", -1, "nan"),
        ("plain", "DELETE", -1, "nan"),
        ("other", "DELETE", -1, "nan"),
    ]
