"""stampede monitor: a frame shows the server's own values, and the server is not changed."""

import re
from io import StringIO

import pytest
import redis
from rich.console import Console
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.stack.redis.redis_monitor import WARNING, MonitorInterval, frame, read
from stampede.stack.servers import Stack


def shown(renderable: object) -> str:
    out = StringIO()
    Console(file=out, width=160).print(renderable)
    return out.getvalue()


def calls(client: redis.Redis) -> dict[str, int]:
    """The number of calls of each command so far."""
    stats = client.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(facts["calls"]) for name, facts in stats.items()}


def test_a_frame_counts_what_happened_between_two_readings(
    stack: Stack, redis_client: redis.Redis, key_prefix: str
) -> None:
    redis_client.set(f"{key_prefix}here", "x")
    before = read(redis_client)
    for key in ("here", "here", "here", "gone"):
        redis_client.get(f"{key_prefix}{key}")
    text = shown(frame(stack.redis, MonitorInterval(before=before, now=read(redis_client))))
    assert re.search(r"hit rate +75\.0 %", text)
    assert re.search(r"^get +[\d,]+/s", text, re.MULTILINE)
    assert str(stack.redis) in text


def test_used_memory_is_shown_with_its_limit(stack: Stack, redis_client: redis.Redis) -> None:
    assert "no maxmemory is set" in shown(frame(stack.redis, MonitorInterval(before=None, now=read(redis_client))))


def test_once_prints_one_frame_without_the_password_and_ends(stack: Stack, redis_client: redis.Redis) -> None:
    before = calls(redis_client)
    result = CliRunner().invoke(app, ["monitor", "--once", "--redis", stack.redis.url])
    assert result.exit_code == 0, result.output
    assert "connected clients" in result.output
    assert " ".join(WARNING.split()[:4]) in " ".join(result.output.split())
    password = stack.redis.url.split("@")[0].rpartition(":")[2]
    assert password not in result.output
    made = {name for name, count in calls(redis_client).items() if count > before.get(name, 0)}
    assert made <= {"info", "config|get", "slowlog|get", "hello", "client|setinfo", "auth", "select", "ping"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((), "redis"), (("--redis", "http://x"), "redis"), (("--redis", "redis://127.0.0.1:1/0"), "redis")],
)
def test_invalid_input_is_a_one_line_error(arguments: tuple[str, ...], expected: str) -> None:
    result = CliRunner().invoke(app, ["monitor", "--once", *arguments], env={"STAMPEDE_REDIS_URL": ""})
    assert result.exit_code == 2, result.output
    assert expected in result.output
    assert "Traceback" not in result.output


def test_an_interval_out_of_range_is_refused(stack: Stack) -> None:
    result = CliRunner().invoke(app, ["monitor", "--every", "0", "--redis", stack.redis.url])
    assert result.exit_code == 2, result.output
    assert "every" in result.output
