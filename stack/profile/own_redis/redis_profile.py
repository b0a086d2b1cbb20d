"""The state of a user's Redis: hit rate, commands, memory, and a sample of its keys with sizes, TTLs and idle times."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from stampede.core.text.safe_text import ReportProgress
from stampede.stack.profile.estimates import (
    SampleEstimate,
    TtlEstimate,
    mean_estimate,
    quantile_estimate,
    ratio_estimate,
    share_estimate,
    ttl_estimate,
)
from stampede.stack.profile.own_redis.key_patterns import key_text, patterns_of
from stampede.stack.profile.own_redis.redis_reader import RedisReader, number
from stampede.stack.redis.redis_server import as_text
from stampede.stack.servers import Remark

SCAN_COUNT = 20
ROUNDS_WITHOUT_KEYS = 1_000
"""The number of SCAN calls in a row without a key after which the sample ends: the keyspace is nearly empty."""
KEY_OVERHEAD_BYTES = 64
"""What MEMORY USAGE counts for a key in addition to its name and value, about."""


@dataclass(frozen=True, kw_only=True)
class SampledKey:
    """What was read of one key."""

    name: bytes
    kind: str
    """string, hash, list, set, zset, stream."""
    ttl_s: float | None
    """What remains of its TTL. None: it has none."""
    value_bytes: float | None
    memory_bytes: float | None
    idle_s: float | None = None
    """Since its last use, in whole seconds. None: the policy is LFU, or the server refuses it."""
    frequency: int | None = None
    """The logarithmic counter of an LFU policy, 0 to 255."""


@dataclass(frozen=True, kw_only=True)
class KeyPattern:
    """The sampled keys of one pattern, and what they say about all of them."""

    pattern: str
    sampled: int
    keys: SampleEstimate
    """On the server: its number of keys times the share in the sample."""
    kinds: str
    value_bytes: SampleEstimate | None
    """Median."""
    value_p95_bytes: SampleEstimate | None
    memory_bytes: SampleEstimate | None
    """Of all keys of the pattern together: their number times the mean in the sample."""
    without_ttl: SampleEstimate
    """Share of the keys, 0 to 1."""
    ttl: TtlEstimate | None


@dataclass(frozen=True, kw_only=True)
class RedisProfile:
    """What was read of a Redis."""

    server: str
    address: str
    role: str
    seconds: float
    """Length of the window."""
    lookups_per_s: SampleEstimate
    """Hits and misses. Of the window."""
    hit_rate: SampleEstimate | None
    """Of the window. None: no lookup."""
    misses_per_s: SampleEstimate
    hit_rate_since_start: float | None
    commands: dict[str, tuple[float, float]]
    """Command to its calls per second and the server's time for one, in µs. Of the window, without our own."""
    evicted_per_s: float
    expired_per_s: float
    used_bytes: float
    most_bytes: float
    """maxmemory; 0: no limit."""
    policy: str
    keys: int
    """In the database of the URL."""
    sample: tuple[SampledKey, ...]
    patterns: tuple[KeyPattern, ...]
    """The most frequent first."""
    exact_sizes: bool
    """Whether the sizes of strings are exact (STRLEN); otherwise memory without the overhead of a key, about."""
    remarks: tuple[Remark, ...] = ()
    commands_sent: int = 0
    """By this profile."""

    def refused(self, command: str) -> bool:
        """Whether the server refused a command, so that its figures are not estimated."""
        return any(remark.name == command for remark in self.remarks)


@dataclass
class RedisWindow:
    """Readings of INFO, about one a second."""

    reader: RedisReader
    at_s: list[float] = field(default_factory=list)
    stats: list[dict[str, str]] = field(default_factory=list)
    commands: list[dict[str, str]] = field(default_factory=list)
    """At the first and at the last reading only."""

    def read(self, now_s: float, *, ends: bool = False) -> None:
        """Read INFO stats; at an end of the window also INFO commandstats."""
        if ends:
            found = self.reader.info("commandstats", cost="the rates of the commands are not estimated")
            self.commands.append(found)
        self.stats.append(self.reader.info("stats", cost="hit rate and rates are not estimated"))
        self.at_s.append(now_s)

    def increases(self, name: str) -> list[float]:
        """The counter's increase in each interval."""
        values = [number(each, name) for each in self.stats]
        return [after - before for before, after in pairwise(values)]

    @property
    def lengths_s(self) -> list[float]:
        return [after - before for before, after in pairwise(self.at_s)]

    def rate(self, *names: str) -> SampleEstimate:
        """The rate per second of these counters together."""
        sums = [sum(each) for each in zip(*(self.increases(name) for name in names), strict=True)]
        return mean_estimate([n / s for n, s in zip(sums, self.lengths_s, strict=True)])

    def command_rates(self) -> dict[str, tuple[float, float]]:
        """Command to calls per second and µs of one call. Our own INFO is subtracted."""
        before, after = ({name: command_counts(text) for name, text in each.items()} for each in self.commands)
        seconds = sum(self.lengths_s)
        found = {}
        for name, (calls, usec) in after.items():
            calls_before, usec_before = before.get(name, (0.0, 0.0))
            own = len(self.stats) if name == "cmdstat_info" else 0
            grown = calls - calls_before - own
            if grown > 0:
                word = name.removeprefix("cmdstat_").replace("|", " ")
                found[word] = (grown / seconds, (usec - usec_before) / (grown + own))
        return dict(sorted(found.items(), key=lambda each: -each[1][0]))


def command_counts(text: str) -> tuple[float, float]:
    """calls and usec of a line of INFO commandstats."""
    fields = dict(pair.partition("=")[::2] for pair in text.split(","))
    return number(fields, "calls"), number(fields, "usec")


@dataclass(frozen=True, kw_only=True)
class KeySample:
    """Keys in the order of SCAN, which is that of a hash of their names: a random sample."""

    keys: tuple[SampledKey, ...]
    complete: bool
    """Whether SCAN came to its end: then these are all keys."""


def sample_keys(reader: RedisReader, most: int) -> KeySample:
    """Up to `most` keys. Each page of SCAN is read at once, before its keys expire."""
    use = "FREQ" if "lfu" in policy_of(reader) else "IDLETIME"
    cost = "sizes are those of memory, which the allocator rounds up"
    exact = reader.ask("CLIENT", "NO-TOUCH", "ON", cost=cost) is not None
    found: dict[bytes, SampledKey] = {}
    cursor, empty = "0", 0
    while len(found) < most and empty < ROUNDS_WITHOUT_KEYS:
        answer = reader.ask("SCAN", cursor, "COUNT", SCAN_COUNT, cost="key patterns, sizes and TTLs are not estimated")
        if answer is None:
            break
        cursor = as_text(answer[0])
        names = [name for name in answer[1] if name not in found][: most - len(found)]
        found |= {each.name: each for each in read_keys(reader, names, use, exact=exact)}
        empty = 0 if names else empty + 1
        if cursor == "0":
            return KeySample(keys=tuple(found.values()), complete=len(found) < most)
    return KeySample(keys=tuple(found.values()), complete=False)


def read_keys(reader: RedisReader, names: Sequence[bytes], use: str, *, exact: bool) -> list[SampledKey]:
    """Read each key without using it: none of these commands changes an access time.

    `use`: FREQ or IDLETIME. `exact`: STRLEN is allowed, since the connection does not touch keys. An entry's remaining
    TTL is that at the time of the SCAN that returned it: otherwise the youngest entries would be missing.
    """
    begin_s = time.monotonic()
    remaining_ms = reader.ask_batch([("PTTL", name) for name in names], cost="TTLs are not estimated")
    later_s = time.monotonic() - begin_s
    used = reader.ask_batch([("OBJECT", use, name) for name in names], cost="hot keys are not found")
    kinds = reader.ask_batch([("TYPE", name) for name in names], cost="the types of keys are not shown")
    memory = reader.ask_batch([("MEMORY", "USAGE", name) for name in names], cost="memory of keys is not estimated")
    strings = [name for name, kind in zip(names, kinds, strict=True) if exact and kind == b"string"]
    asked = [("STRLEN", name) for name in strings]
    lengths: dict[bytes, Any] = dict(
        zip(strings, reader.ask_batch(asked, cost="sizes are those of memory"), strict=True)
    )
    found = []
    for name, left_ms, idle, kind, total in zip(names, remaining_ms, used, kinds, memory, strict=True):
        if kind == b"none" or left_ms == -2:  # it expired or was deleted in the meantime
            continue
        around = None if total is None else max(0.0, total - len(name) - KEY_OVERHEAD_BYTES)
        length = lengths.get(name)
        found.append(
            SampledKey(
                name=name,
                kind="unknown" if kind is None else as_text(kind),
                ttl_s=left_ms / 1e3 + later_s if left_ms is not None and left_ms >= 0 else None,
                value_bytes=around if length is None else float(length),
                memory_bytes=None if total is None else float(total),
                idle_s=float(idle) if use == "IDLETIME" and idle is not None else None,
                frequency=int(idle) if use == "FREQ" and idle is not None else None,
            )
        )
    return found


def policy_of(reader: RedisReader) -> str:
    """maxmemory-policy, from INFO memory, which needs no right for CONFIG."""
    return reader.info("memory", cost="memory and eviction policy are not shown").get("maxmemory_policy", "")


def key_patterns(sample: Sequence[SampledKey], keys: int, *, complete: bool) -> tuple[KeyPattern, ...]:
    """The patterns of the sampled keys, the most frequent first."""
    by_pattern: dict[str, list[SampledKey]] = {}
    for each, pattern in zip(sample, patterns_of([key_text(each.name) for each in sample]), strict=True):
        by_pattern.setdefault(pattern, []).append(each)
    found = []
    for pattern, those in sorted(by_pattern.items(), key=lambda item: (-len(item[1]), item[0])):
        number_of = share_estimate(len(those), len(sample)).scaled(keys)
        if complete:
            number_of = SampleEstimate(value=len(those), low=len(those), high=len(those))
        sizes = [each.value_bytes for each in those if each.value_bytes is not None]
        memory = [each.memory_bytes for each in those if each.memory_bytes is not None]
        found.append(
            KeyPattern(
                pattern=pattern,
                sampled=len(those),
                keys=number_of,
                kinds=" ".join(kind for kind, _ in Counter(each.kind for each in those).most_common()),
                value_bytes=quantile_estimate(sizes, 0.5) if sizes else None,
                value_p95_bytes=quantile_estimate(sizes, 0.95) if sizes else None,
                memory_bytes=number_of.scaled(sum(memory) / len(memory)) if memory else None,
                without_ttl=share_estimate(sum(each.ttl_s is None for each in those), len(those)),
                ttl=ttl_estimate([each.ttl_s for each in those if each.ttl_s is not None]),
            )
        )
    return tuple(found)


def finish_redis(window: RedisWindow, most_keys: int, say: ReportProgress) -> RedisProfile:
    """Sample the keys after the window, whose lookups the server counts too, and put everything together."""
    reader = window.reader
    server, replication = (reader.info(name, cost="it is not shown") for name in ("server", "replication"))
    keys = reader.ask("DBSIZE", cost="the number of keys is not shown")
    say(f"Redis: reading up to {most_keys:,} of {keys or 0:,} keys, at most {reader.rate.per_s:,.0f} commands/s")
    sampled = sample_keys(reader, most_keys)
    sample = sampled.keys
    keys = max(keys or 0, len(sample))
    if sampled.complete:  # DBSIZE counts entries that expired and are not yet removed
        keys = len(sample)
    memory = reader.info("memory", cost="memory and eviction policy are not shown")
    hits, misses = window.increases("keyspace_hits"), window.increases("keyspace_misses")
    lookups = [a + b for a, b in zip(hits, misses, strict=True)]
    first = window.stats[0]
    ever = number(first, "keyspace_hits") + number(first, "keyspace_misses")
    name = "Valkey" if server.get("server_name") == "valkey" else "Redis"
    version = server.get("valkey_version") or server.get("redis_version", "")
    return RedisProfile(
        server=f"{name} {version}".strip(),
        address=reader.safe_url,
        role={"slave": "replica"}.get(replication.get("role", ""), replication.get("role", "unknown")),
        seconds=sum(window.lengths_s),
        lookups_per_s=window.rate("keyspace_hits", "keyspace_misses"),
        misses_per_s=window.rate("keyspace_misses"),
        hit_rate=ratio_estimate(hits, lookups) if sum(lookups) > 0 else None,
        hit_rate_since_start=number(first, "keyspace_hits") / ever if ever else None,
        commands=window.command_rates(),
        evicted_per_s=window.rate("evicted_keys").value,
        expired_per_s=window.rate("expired_keys").value,
        used_bytes=number(memory, "used_memory"),
        most_bytes=number(memory, "maxmemory"),
        policy=memory.get("maxmemory_policy", ""),
        keys=keys,
        sample=sample,
        patterns=key_patterns(sample, keys, complete=sampled.complete),
        exact_sizes="CLIENT NO-TOUCH" not in reader.remarks,
        remarks=(*server_remarks(server, replication), *reader.remarks.values()),
        commands_sent=reader.rate.sent,
    )


def server_remarks(server: dict[str, str], replication: dict[str, str]) -> list[Remark]:
    """Remarks if the figures are those of a part of the user's servers."""
    found = []
    mode = server.get("redis_mode") or server.get("server_mode")
    if mode == "cluster":
        what = "this is one node of a Cluster"
        found.append(Remark(name="Cluster", what=what, cost="all figures are those of this node; profile each master"))
    if replication.get("role") == "slave":
        cost = "its lookups are those of the clients that read from it; its writes come from the master"
        found.append(Remark(name="replica", what="this is a replica", cost=cost))
    if int(number(replication, "connected_slaves")) and replication.get("role") == "master":
        what = f"it has {int(number(replication, 'connected_slaves'))} replicas"
        found.append(Remark(name="replicas", what=what, cost="reads from them are not counted here"))
    return found
