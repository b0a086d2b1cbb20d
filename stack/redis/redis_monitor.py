"""Shows the state of a Redis server live on a terminal: hit rate, memory, clients, commands, evictions, slow log.

It reads INFO and SLOWLOG GET only. It never uses MONITOR, resets nothing and changes no setting.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stampede.core.errors import StackError, require
from stampede.core.text.redaction import masked
from stampede.core.text.safe_text import visible
from stampede.core.text.terminal import PlainConsole
from stampede.stack.redis.redis_server import client_with_timeout, inspect_redis
from stampede.stack.server_counters import Counters, read_redis_counters
from stampede.stack.servers import Server

COMMANDS = 8
"""The number of commands listed, the most frequent first."""
SLOW_ENTRIES = 5
"""The number of slow log entries listed, the newest first."""
LONGEST_COMMAND = 60
"""Characters after which a slow command is cut."""
WARNING = (
    "MONITOR is not used here: with it the server sends every command of every client to this terminal. To measure "
    "its cost: stampede bench --experiment monitor-cost"
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The server's values at one instant."""

    at_s: float
    """Monotonic clock, in seconds."""
    counters: Counters
    slow: list[Mapping[str, Any]] | None
    """The newest entries of the slow log. None: the server does not show it."""

    def value(self, name: str) -> float:
        return self.counters.get(name, (0.0, ""))[0]


@dataclass(frozen=True, kw_only=True)
class MonitorInterval:
    """The time between two readings. Without an earlier reading: the time since the server's statistics began."""

    before: Reading | None
    now: Reading

    @property
    def since(self) -> str:
        return "since its statistics began" if self.before is None else f"in the last {self.seconds:.1f} s"

    @property
    def seconds(self) -> float:
        return 0.0 if self.before is None else self.now.at_s - self.before.at_s

    def increase(self, name: str) -> float:
        """The counter's increase in the interval; without an earlier reading, its total."""
        return self.now.value(name) - (0.0 if self.before is None else self.before.value(name))

    def rate(self, name: str) -> str:
        """The rate per second, or the total without an earlier reading, as text."""
        increase = self.increase(name)
        return f"{increase / self.seconds:,.0f}/s" if self.seconds > 0 else f"{increase:,.0f}"


def watch(url: str, *, every_s: float, once: bool, console: Console | None = None) -> None:
    """Show the server until Ctrl-C. `once`: print one frame, with the totals since its statistics began.

    Raises ConfigError (StackError), in one line, if the server does not answer, or stops answering.
    """
    require(0.1 <= every_s <= 3600, "every", every_s, "0.1 to 3,600 s")
    console = console or PlainConsole()
    server, remarks = inspect_redis(url)
    missing = next((remark.what for remark in remarks if remark.name == "INFO"), None)
    if missing is not None:
        raise StackError("redis", server.safe_url, f"the right to read INFO, which this command shows: {missing}")
    with client_with_timeout(url) as client:
        try:
            now = read(client)
            if once:
                console.print(frame(server, MonitorInterval(before=None, now=now)))
                return
            with Live(
                frame(server, MonitorInterval(before=None, now=now)), console=console, auto_refresh=False
            ) as live:
                while True:
                    time.sleep(every_s)
                    before, now = now, read(client)
                    live.update(frame(server, MonitorInterval(before=before, now=now)), refresh=True)
        except redis.ConnectionError as error:
            raise StackError("redis", server.safe_url, "a Redis server that continues to answer") from error


def read(client: redis.Redis) -> Reading:
    """The numbers of INFO and the newest entries of the slow log."""
    counters = read_redis_counters(client)
    try:
        slow: list[Mapping[str, Any]] | None = list(client.slowlog_get(SLOW_ENTRIES))
    except redis.ResponseError:
        slow = None
    return Reading(at_s=time.monotonic(), counters=counters, slow=slow)


def frame(server: Server, interval: MonitorInterval) -> RenderableType:
    """One frame of the display."""
    now = interval.now
    used, limit = now.value("memory.used_memory"), now.value("memory.maxmemory")
    room = f"of {limit / 2**20:,.1f} MiB ({100 * used / limit:.0f} %)" if limit else "no maxmemory is set"
    hits, misses = interval.increase("stats.keyspace_hits"), interval.increase("stats.keyspace_misses")
    hit_rate = f"{100 * hits / (hits + misses):.1f} %" if hits + misses > 0 else "no lookups"
    figures = plain_table("", "", "", header=False)
    figures.add_row("hit rate", hit_rate, f"keyspace hits / (hits + misses), {interval.since}")
    figures.add_row("used memory", f"{used / 2**20:,.1f} MiB", room)
    figures.add_row("connected clients", f"{now.value('clients.connected_clients'):,.0f}", "including this one")
    figures.add_row("commands", interval.rate("stats.total_commands_processed"), interval.since)
    figures.add_row("evictions", f"{interval.increase('stats.evicted_keys'):,.0f}", interval.since)
    figures.add_row("expiries", f"{interval.increase('stats.expired_keys'):,.0f}", interval.since)
    head = Text(visible(f"{server} at {server.safe_url}"), style="bold")
    blank = Text("")
    warning = Text(WARNING, style="dim")
    return Group(head, figures, blank, commands(interval), blank, slow_log(now), blank, warning)


def plain_table(*headings: str, header: bool = True) -> Table:
    """A table of names (left-aligned), numbers (right-aligned) and notes."""
    table = Table(box=None, pad_edge=False, show_header=header, padding=(0, 2, 0, 0), header_style="dim")
    name, *others = headings
    table.add_column(name, min_width=18, no_wrap=True)
    for number, heading in enumerate(others):
        table.add_column(heading, justify="left" if number == 1 else "right", style="dim" if number == 1 else "")
    return table


def commands(interval: MonitorInterval) -> Table:
    """The most frequent commands, with the server's own time for one call."""
    endings = (".usec", ".rejected", ".failed")
    names = [n for n in interval.now.counters if n.startswith("command.") and not n.endswith(endings)]
    frequent = sorted((n for n in names if interval.increase(n) > 0), key=lambda n: (-interval.increase(n), n))[
        :COMMANDS
    ]
    table = plain_table("command", "calls", "server's time each")
    for name in frequent:
        each_us = interval.increase(f"{name}.usec") / interval.increase(name)
        table.add_row(name.removeprefix("command."), interval.rate(name), f"{each_us:.1f} µs")
    return table


def slow_log(now: Reading) -> RenderableType:
    """The newest entries of the slow log."""
    if now.slow is None:
        return Text("slow log: the server refuses to return it")
    if not now.slow:
        return Text("slow log: empty")
    table = plain_table("slow log, newest first", "took", "command")
    for entry in now.slow:
        command = entry["command"]
        text = command.decode(errors="replace") if isinstance(command, bytes) else str(command)
        shown = text if len(text) <= LONGEST_COMMAND else f"{text[: LONGEST_COMMAND - 1]}…"
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["start_time"]))
        table.add_row(when, f"{entry['duration'] / 1e3:.1f} ms", Text(visible(masked(shown))))
    return table
