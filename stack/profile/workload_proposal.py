"""The workload that stands for the profiled servers: a TOML file whose comments say where each value came from."""

import textwrap
from dataclasses import dataclass, field

import numpy as np

from stampede.core.models.popularity_fit import (
    CacheFacts,
    idle_shares,
    skew_for_hit_rate,
    zipf_hit_rate,
)
from stampede.core.models.screening import HIGHEST_SKEW
from stampede.scenarios.workload import Workload
from stampede.stack.profile.estimates import SampleEstimate, plainest
from stampede.stack.profile.matched_load import MatchedLoad, match_load, proposed_sql
from stampede.stack.profile.own_redis.key_patterns import entity_of
from stampede.stack.profile.own_redis.redis_profile import KeyPattern, RedisProfile
from stampede.stack.profile.server_profile import ServerProfile

LIMITS: dict[str, tuple[float, float]] = {
    "rate_per_s": (0.001, 20_000),
    "records": (1, 10_000_000),
    "record_bytes": (200, 2_000),
    "ttl_s": (0.05, 86_400),
    "load_wait_ms": (0, 10_000),
    "load_cpu_ms": (0, 1_000),
}
"""The lowest and highest value that a workload takes. A test compares them with the workload."""
UNITS = {"rate_per_s": "requests/s", "record_bytes": "bytes", "ttl_s": "s", "load_wait_ms": "ms", "load_cpu_ms": "ms"}
FILLS = ("set", "setex", "psetex", "mset", "hset", "hmset", "json.set")
DELETES = ("del", "unlink", "getdel")
OWN_MS = 0.05
"""Execution time of the suite's load without extra cost, about."""
LEAST_WAIT_MS = 0.5
"""A shorter load is not divided: a wait in PostgreSQL takes about 0.1 ms longer than it should."""
BY_HIT_RATE = 0.02
"""A hit rate that no skew reaches within this is reported."""


@dataclass(frozen=True, kw_only=True)
class ProposedValue:
    """One value of the workload."""

    name: str
    value: float | int | None
    """None: not estimated; the default stays, in a comment."""
    source: str
    """Where it came from, with the uncertainty."""


@dataclass
class WorkloadProposal:
    """The values in the order of the file, and what the comments say around them."""

    entity: str
    values: list[ProposedValue] = field(default_factory=list)
    sql: list[str] = field(default_factory=list)

    def set(self, name: str, value: float | int | None, source: str) -> float | None:
        """Add a value; outside the workload's limits the nearest limit, which the comment says."""
        if value is not None and name in LIMITS:
            low, high = LIMITS[name]
            if not low <= value <= high:
                limit = min(max(value, low), high)
                source = f"{source}; a workload takes {low:,g} to {high:,g} {UNITS.get(name, '')}".rstrip()
                source += f", so {limit:,g} stands for {value:,.4g}"
                value = type(value)(limit)
        self.values.append(ProposedValue(name=name, value=value, source=source))
        return value

    def __getitem__(self, name: str) -> float:
        """A value, or the workload's default if it is not estimated."""
        found = next((each.value for each in self.values if each.name == name), None)
        return float(getattr(Workload(), name) if found is None else found)

    def known(self, name: str) -> bool:
        return any(each.name == name and each.value is not None for each in self.values)

    def text(self) -> str:
        """The file."""
        lines = [
            "# A Stampede workload, written by stampede profile: each comment says where the value below it came from.",
            "# Ranges in parentheses are 95 % intervals.",
            "# stampede bench --scenario read-mostly --workload THIS FILE",
        ]
        for each in self.values:
            lines.append("")
            lines += [f"# {line}" for line in textwrap.wrap(each.source, 116)]
            if each.value is None:
                default = getattr(Workload(), each.name)
                lines.append(f"# {each.name} = {'…' if default is None else f'{default}  # the default'}")
            else:
                lines.append(f"{each.name} = {each.value!r}")
        lines += ["", *(f"# {line}" for line in self.sql)] if self.sql else []
        return "\n".join(lines) + "\n"


def propose_workload(profile: ServerProfile) -> WorkloadProposal:
    """The workload that stands for the servers. What could not be estimated keeps its default, with the reason."""
    redis, pattern = profile.redis, main_pattern(profile)
    entity = entity_of(pattern.pattern) if pattern else "record"
    misses = redis.misses_per_s.value if redis and redis.lookups_per_s.value > 0 else None
    load = match_load(profile.postgres, entity, misses) if profile.postgres else None
    if redis is None and load and load.statement and load.statement.table:
        entity = entity_of(f"""{load.statement.table.rpartition(".")[2].strip('"')}:{{number}}""")
    found = WorkloadProposal(entity=entity)
    propose_requests(found, profile, load)
    propose_entries(found, redis, pattern)
    propose_load(found, profile, load)
    propose_popularity(found, redis, pattern, load)
    found.set(
        "rtt_ms", None, "not estimated: the round trip between your service and its servers is not seen from here"
    )
    found.sql = proposed_sql(load, entity) if load else []
    return found


def main_pattern(profile: ServerProfile) -> KeyPattern | None:
    """The pattern that the workload stands for: the most read by MONITOR, else that with the most keys with a TTL."""
    if profile.redis is None or not profile.redis.patterns:
        return None
    rates = (profile.hot_keys and profile.hot_keys.reads_per_s) or {}
    return max(
        profile.redis.patterns,
        key=lambda each: (rates.get(each.pattern, 0.0), each.ttl is not None, each.sampled),
    )


def propose_requests(found: WorkloadProposal, profile: ServerProfile, load: MatchedLoad | None) -> None:
    """Rate and share of reads."""
    redis = profile.redis
    if redis is None or redis.lookups_per_s.value <= 0:
        why = "no Redis was given" if redis is None else "no lookup came in the window"
        why = "the server refused INFO" if redis and redis.refused("INFO") else why
        found.set("rate_per_s", None, f"not estimated: {why}")
        found.set("read_share", None, f"not estimated: {why}")
        return
    writes, how = writes_per_s(profile, load, redis)
    reads = redis.lookups_per_s
    source = f"{reads.text(',.4g', 'lookups/s')} and {writes:,.3g} writes/s, in {redis.seconds:.0f} s of INFO stats"
    if len(redis.patterns) > 1:
        source += f"; of all {len(redis.patterns)} key patterns, since INFO does not divide them"
    found.set("rate_per_s", rounded(reads.value + writes), source)
    share = reads.value / (reads.value + writes)
    found.set("read_share", round(share, 4), f"{reads.value:,.4g} lookups/s and {writes:,.3g} writes/s: {how}")


def writes_per_s(profile: ServerProfile, load: MatchedLoad | None, redis: RedisProfile) -> tuple[float, str]:
    """Writes per second, and how they were found."""
    postgres = profile.postgres
    if postgres and not postgres.standby and load:
        if load.statement is not None and postgres.statements is not None:
            table = load.statement.table or ""
            changes = [s for s in postgres.statements if s.changes and is_one_table(s.table or "", table)]
            return sum(each.calls_per_s for each in changes), f"UPDATE and DELETE statements on {table}"
        if load.table is not None:
            return load.table.changes_per_s, f"rows of {load.table.name} that were updated or deleted"
    fills = sum(redis.commands.get(name, (0.0, 0.0))[0] for name in FILLS)
    deletes = sum(redis.commands.get(name, (0.0, 0.0))[0] for name in DELETES)
    more = max(0.0, fills - redis.misses_per_s.value)
    return deletes + more, "DEL and UNLINK, and the SETs that are more than the misses (about)"


def is_one_table(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def propose_entries(found: WorkloadProposal, redis: RedisProfile | None, pattern: KeyPattern | None) -> None:
    """Lifetime and size of an entry."""
    if redis is None or pattern is None:
        why = "no Redis was given" if redis is None else "no key was read"
        found.set("ttl_s", None, f"not estimated: {why}")
        found.set("record_bytes", None, f"not estimated: {why}")
        return
    if redis.refused("PTTL"):
        found.set("ttl_s", None, "not estimated: the server refused PTTL")
    elif pattern.ttl is None:
        found.set(
            "ttl_s", LIMITS["ttl_s"][1], f"the keys {pattern.pattern} have no TTL: the longest that a workload takes"
        )
    else:
        ttl = pattern.ttl
        source = f"largest remaining TTL of {ttl.keys:,} keys {pattern.pattern}: {ttl.ttl_s.text(',.4g', 's')}"
        source += little(redis, pattern)
        if not ttl.is_uniform:
            source += "; the remaining TTLs are not spread evenly: there are several TTLs, or entries end early"
        found.set("ttl_s", float(f"{plainest(ttl.ttl_s):.6g}"), source)
    if pattern.value_bytes is None:
        found.set("record_bytes", None, "not estimated: the server refused to give sizes")
        return
    how = "STRLEN" if redis.exact_sizes else "memory without the overhead of a key, about"
    size = pattern.value_bytes.text(",.0f", "bytes")
    source = f"median value of {pattern.sampled:,} keys {pattern.pattern}: {size}; {how}"
    found.set("record_bytes", round(pattern.value_bytes.value), source)


def little(redis: RedisProfile, pattern: KeyPattern) -> str:
    """The lifetime by Little's law, if the pattern has nearly all keys."""
    if redis.misses_per_s.value <= 0 or pattern.sampled < 0.9 * len(redis.sample):
        return ""
    return f"; by Little's law, keys / misses per second: {pattern.keys.value / redis.misses_per_s.value:,.3g} s"


def propose_load(found: WorkloadProposal, profile: ServerProfile, load: MatchedLoad | None) -> None:
    """What one load costs."""
    if load is None or load.statement is None:
        why = "no PostgreSQL was given" if profile.postgres is None else "no statement fits the misses of the cache"
        if profile.postgres is not None and profile.postgres.statements is None:
            why = "pg_stat_statements cannot be read"
        for name in ("load_wait_ms", "load_cpu_ms"):
            found.set(name, None, f"not estimated: {why}")
        return
    statement = load.statement
    mean = statement.mean_ms
    if statement.waiting is not None:
        share = statement.waiting.value
        how = f"waiting in {statement.waiting.scaled(100).text('.0f', '%')} of the looks at running statements"
    elif statement.io_ms > 0:
        share, how = min(1.0, statement.io_ms / mean.value), f"{statement.io_ms:,.3g} ms of it waits for the disk"
    else:
        share, how = 1.0, "not divided into waiting and computing, so all of it waits"
    if mean.value < LEAST_WAIT_MS:
        share, how = 0.0, f"too short for a wait, so all of it computes; less {OWN_MS:g} ms that the suite's load takes"
    source = f"mean of {statement.calls:,.0f} calls {mean.text(',.3g', 'ms')}, {how}; the statement was chosen since "
    source += f"{load.why}: {statement.text[:160]}"
    found.set("load_wait_ms", rounded(mean.value * share), source)
    found.set("load_cpu_ms", rounded(max(0.0, mean.value * (1 - share) - OWN_MS)), "the rest of that mean")


def propose_popularity(
    found: WorkloadProposal, redis: RedisProfile | None, pattern: KeyPattern | None, load: MatchedLoad | None
) -> None:
    """Records, and the skew with which a cache of TTLs has the measured hit rate."""
    rows = load.table.rows if load and load.table else None
    hit_rate = redis.hit_rate if redis and pattern else None
    if rows and load and load.table:
        found.set("records", max(1, round(rows)), f"rows of {load.table.name} by the planner's estimate")
    if redis is None or hit_rate is None:
        if not rows:
            found.set("records", None, "not estimated: no table was matched")
        found.set("key_skew", None, "not estimated: no hit rate")
        return
    share = found["read_share"]
    facts = CacheFacts(
        reads_per_s=found["rate_per_s"] * share,
        writes_per_s=found["rate_per_s"] * (1 - share),
        ttl_s=found["ttl_s"],
        load_s=(found["load_wait_ms"] + found["load_cpu_ms"]) / 1e3 if found.known("load_wait_ms") else 0.0,
    )
    if not rows:
        records, how = records_by_idle_times(redis, hit_rate, facts)
        found.set("records", records, how)
    records = round(found["records"])
    skew, low, high = (
        skew_for_hit_rate(hit_rate.value if wanted is None else wanted, facts, records)
        for wanted in (hit_rate.value, hit_rate.low, hit_rate.high)
    )
    reached = zipf_hit_rate(facts, records, skew)
    measured = hit_rate.scaled(100).text(".1f", "%")
    source = f"fitted: with the values above, a cache with TTLs has the measured hit rate of {measured}"
    source += f" at a skew of {SampleEstimate(value=skew, low=low, high=high).text('.2f')}"
    if abs(reached - hit_rate.value) > BY_HIT_RATE:
        source += f"; no skew of 0 to {HIGHEST_SKEW:g} reaches it: this one gives {100 * reached:.1f} %"
    if redis.evicted_per_s > 0:
        source += f"; {redis.evicted_per_s:,.3g} entries/s were evicted, which this fit takes as ended by their TTL"
    found.set("key_skew", round(skew, 3), source)


def records_by_idle_times(redis: RedisProfile, hit_rate: SampleEstimate, facts: CacheFacts) -> tuple[int | None, str]:
    """The number of records for which the idle times of the sampled entries fit, each with the skew of the hit rate."""
    idle = np.asarray([each.idle_s for each in redis.sample if each.idle_s is not None])
    longest_s = min(facts.ttl_s / 2, float(idle.max(initial=0.0)))
    if len(idle) < 50 or longest_s < 2:
        return None, "not estimated: no table was matched, and idle times say too little"
    at_s = np.unique(np.round(np.geomspace(1, longest_s, 12)))
    observed = np.array([(idle >= s).mean() for s in at_s])
    least = max(1, redis.keys)
    choices = np.unique(np.round(np.geomspace(least, max(least * 100, 1_000), 40))).astype(int)
    errors = []
    for records in choices.tolist():
        skew = skew_for_hit_rate(hit_rate.value, facts, records)
        reached = abs(zipf_hit_rate(facts, records, skew) - hit_rate.value)
        errors.append(float(((idle_shares(facts, records, skew, at_s) - observed) ** 2).sum()) + 100 * reached**2)
    best = int(choices[int(np.argmin(errors))])
    near = choices[np.asarray(errors) <= min(errors) + 4 * len(at_s) / len(idle) / 4]
    how = f"no table was matched; the idle times of {len(idle):,} sampled keys fit {best:,} records "
    return best, how + f"(roughly {near.min():,} to {near.max():,})"


def rounded(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")
