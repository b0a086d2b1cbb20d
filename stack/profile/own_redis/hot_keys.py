"""Finds keys that are used most: by an LFU counter, by repeated idle times, or by MONITOR if the user asks for it."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from stampede.core.text.safe_text import ReportProgress
from stampede.stack.profile.own_redis.key_patterns import key_shown, key_text, patterns_of
from stampede.stack.profile.own_redis.redis_profile import SampledKey
from stampede.stack.profile.own_redis.redis_reader import RedisReader
from stampede.stack.servers import Remark

SHOWN = 10
CANDIDATES = 100
MOST_LOOKS = 6
"""Readings of the candidates' idle times, a second apart, at most."""
MOST_COMMANDS = 200_000
"""The number of commands after which MONITOR ends."""
READS = frozenset({"GET", "MGET", "GETEX", "HGET", "HMGET", "HGETALL", "EXISTS", "JSON.GET", "LRANGE", "SMEMBERS"})
ALL_ARE_KEYS = frozenset({"MGET", "EXISTS"})


@dataclass(frozen=True, kw_only=True)
class HotKey:
    """A key that is used often."""

    name: str
    """Of ids that may be secret only the first characters."""
    evidence: str
    """What was seen, with its unit."""


@dataclass(frozen=True, kw_only=True)
class HotKeys:
    """The keys that are used most, and how they were found."""

    how: str
    keys: tuple[HotKey, ...]
    reads_per_s: dict[str, float] | None = None
    """Pattern to its reads per second, by MONITOR. None: MONITOR was not used."""


@dataclass(kw_only=True)
class SeenCommands:
    """What MONITOR showed."""

    seconds: float = 0.0
    commands: int = 0
    reads: Counter[str] = field(default_factory=Counter)
    """Key to its reads."""

    def pattern_rates(self) -> dict[str, float]:
        """Reads per second by pattern, the most frequent first."""
        names = list(self.reads)
        rates: Counter[str] = Counter()
        for name, pattern in zip(names, patterns_of(names), strict=True):
            rates[pattern] += self.reads[name]
        return {pattern: count / self.seconds for pattern, count in rates.most_common()}


def watch_commands(reader: RedisReader, seconds: float, say: ReportProgress) -> SeenCommands | None:
    """Count the keys that clients read, by MONITOR. None if the server refuses it."""
    say(f"Redis: MONITOR for {seconds:g} s, at most {MOST_COMMANDS:,} commands")
    found = SeenCommands()
    begin_s = time.monotonic()
    try:
        with reader.client.monitor() as monitor:  # type: ignore[no-untyped-call]
            while (left_s := begin_s + seconds - time.monotonic()) > 0 and found.commands < MOST_COMMANDS:
                if monitor.connection.can_read(timeout=left_s):
                    count_reads(monitor.next_command(), found)
    except redis.ResponseError as error:
        reader.note(("MONITOR",), error, "hot keys are found by idle times instead")
        return None
    except redis.RedisError:
        what = "the server refused or ended it"
        reader.remarks["MONITOR"] = Remark(name="MONITOR", what=what, cost="hot keys are found by idle times instead")
        return None
    found.seconds = time.monotonic() - begin_s
    return found


def count_reads(command: dict[str, Any], found: SeenCommands) -> None:
    """Add one command that MONITOR showed."""
    words = str(command["command"]).split(" ")
    found.commands += 1
    name = words[0].upper()
    if name in READS:
        for key in words[1:] if name in ALL_ARE_KEYS else words[1:2]:
            found.reads[key] += 1


def find_hot_keys(
    reader: RedisReader, sample: Sequence[SampledKey], seen: SeenCommands | None, seconds: float, say: ReportProgress
) -> HotKeys:
    """The hot keys, by the best means that the server offers. `seconds`: the longest time for repeated readings."""
    if seen is not None:
        keys = [
            HotKey(name=key_shown(name), evidence=f"{count / seen.seconds:,.1f} reads/s")
            for name, count in seen.reads.most_common(SHOWN)
        ]
        return HotKeys(
            how=f"all reads of {seen.seconds:.1f} s (MONITOR)", keys=tuple(keys), reads_per_s=seen.pattern_rates()
        )
    counted = [each for each in sample if each.frequency is not None]
    if counted:
        first = sorted(counted, key=lambda each: -(each.frequency or 0))[:SHOWN]
        found = [HotKey(name=key_shown(key_text(e.name)), evidence=f"counter {e.frequency} of 255") for e in first]
        return HotKeys(how=f"the server's LFU counters of {len(counted):,} sampled keys", keys=tuple(found))
    return by_idle_times(reader, sample, max(2, min(MOST_LOOKS, int(seconds))), say)


def by_idle_times(reader: RedisReader, sample: Sequence[SampledKey], looks: int, say: ReportProgress) -> HotKeys:
    """Sampled keys that were used within the last second, again and again."""
    recent = sorted((e for e in sample if e.idle_s is not None), key=lambda each: each.idle_s or 0.0)[:CANDIDATES]
    recent = [each for each in recent if (each.idle_s or 0.0) <= 1]
    how = f"idle times of {len(sample):,} sampled keys, read {looks} times"
    if not recent:
        return HotKeys(how=how, keys=())
    say(f"Redis: reading the idle times of {len(recent)} keys for {looks} s")
    used: Counter[bytes] = Counter()
    asked = [("OBJECT", "IDLETIME", each.name) for each in recent]
    for _ in range(looks):
        begin_s = time.monotonic()
        for each, idle in zip(recent, reader.ask_batch(asked, cost="hot keys are not found"), strict=True):
            used[each.name] += idle == 0
        time.sleep(max(0.0, begin_s + 1 - time.monotonic()))
    found = []
    for name, count in used.most_common(SHOWN):
        if not count:
            break
        rate = f"about {-math.log(1 - count / looks):.1f}/s" if count < looks else "more than 1.5/s"
        found.append(HotKey(name=key_shown(key_text(name)), evidence=f"used in {count} of {looks} s: {rate}"))
    return HotKeys(how=how, keys=tuple(found))
