"""The page of a profile: at most 60 lines of 80 characters."""

import textwrap
from collections.abc import Sequence

from stampede.core.text.safe_text import shown
from stampede.stack.profile.estimates import SampleEstimate
from stampede.stack.profile.own_postgres.postgres_profile import PostgresProfile, StatementProfile
from stampede.stack.profile.own_redis.hot_keys import HotKeys
from stampede.stack.profile.own_redis.redis_profile import KeyPattern, RedisProfile
from stampede.stack.profile.server_profile import ServerProfile
from stampede.stack.profile.workload_proposal import WorkloadProposal

WIDTH = 80
MOST_LINES = 60
COMMANDS = 5
PATTERNS = 7
HOT_KEYS = 5
STATEMENTS = 6


def profile_page(profile: ServerProfile, proposal: WorkloadProposal) -> str:
    """The page as text. Remarks that do not fit are counted."""
    lines = []
    if profile.redis is not None:
        lines += redis_lines(profile.redis, profile.hot_keys)
    if profile.postgres is not None:
        lines += ["", *postgres_lines(profile.postgres)]
    lines += ["", *workload_lines(proposal)]
    servers = (profile.redis, profile.postgres)
    remarks = [f"{r.name}: {r.what}; {r.cost}".rstrip("; ") for each in servers if each for r in each.remarks]
    shown_remarks = fitted_remarks(remarks, MOST_LINES - len(lines) - 2)
    if remarks:
        lines += ["", *shown_remarks]
    return "\n".join(cut(shown(line), WIDTH) for line in lines).strip("\n")


def fitted_remarks(remarks: Sequence[str], room: int) -> list[str]:
    """The remarks in lines, as many as fit."""
    found: list[str] = []
    for number, remark in enumerate(remarks):
        lines = textwrap.wrap(shown(remark), WIDTH, subsequent_indent="  ")
        if len(found) + len(lines) > room:
            return [*found, f"and {len(remarks) - number} more remarks: --json"]
        found += lines
    return found


def redis_lines(redis: RedisProfile, hot_keys: HotKeys | None) -> list[str]:
    hit_rate = "no lookup" if redis.hit_rate is None else redis.hit_rate.scaled(100).text(".1f", "%")
    lookups = f"{redis.lookups_per_s.text(',.4g', '/s')}; misses {redis.misses_per_s.value:,.4g}/s"
    if redis.refused("INFO"):
        hit_rate = lookups = "not estimated"
    ever = redis.hit_rate_since_start
    hit_rate += "" if ever is None else f"; {100 * ever:.1f} % since its statistics began"
    limit = f"of {in_bytes(redis.most_bytes)}" if redis.most_bytes else "no limit"
    memory = f"{in_bytes(redis.used_bytes)}, {limit}, {redis.policy}; "
    memory += f"evicted {redis.evicted_per_s:,.3g}/s, expired {redis.expired_per_s:,.3g}/s"
    memory = "not estimated" if redis.refused("INFO") else memory
    lines = [
        f"{redis.server}, {redis.role}, at {redis.address}; {redis.seconds:.1f} s",
        f"hit rate   {hit_rate}",
        f"lookups    {lookups}",
        f"memory     {memory}",
        f"keys       {redis.keys:,} in this database, {len(redis.sample):,} read",
        "",
        f"{'command':<30}{'calls/s':>12}{'µs each':>12}",
    ]
    for name, (per_s, usec) in [*redis.commands.items()][:COMMANDS]:
        lines.append(f"{cut(name, 29):<30}{per_s:>12,.1f}{usec:>12,.1f}")
    lines += ["", f"{'keys, by pattern':<32}{'keys':>9}{'p50':>9}{'p95':>9}{'memory':>10}{'TTL':>11}"]
    lines += [pattern_line(each, knows_ttl=not redis.refused("PTTL")) for each in redis.patterns[:PATTERNS]]
    if len(redis.patterns) > PATTERNS:
        lines.append(f"and {len(redis.patterns) - PATTERNS} more patterns")
    if hot_keys is not None:
        lines += ["", f"hot keys, by {hot_keys.how}"]
        lines += [f"  {cut(each.name, 40):<41}{each.evidence}" for each in hot_keys.keys[:HOT_KEYS]]
        lines += [] if hot_keys.keys else ["  none was found"]
    return lines


def pattern_line(pattern: KeyPattern, *, knows_ttl: bool) -> str:
    sizes = [size_text(each) for each in (pattern.value_bytes, pattern.value_p95_bytes, pattern.memory_bytes)]
    ttl = ("none" if knows_ttl else "–") if pattern.ttl is None else f"{pattern.ttl.ttl_s.value:,.4g} s"
    mixed = "" if pattern.ttl is None or pattern.ttl.is_uniform else "~"
    keys = f"{pattern.keys.value:,.0f}"
    return f"{cut(pattern.pattern, 31):<32}{keys:>9}{sizes[0]:>9}{sizes[1]:>9}{sizes[2]:>10}{mixed + ttl:>11}"


def size_text(size: SampleEstimate | None) -> str:
    return "–" if size is None else in_bytes(size.value)


def in_bytes(count: float) -> str:
    """12 B, 3.4 KiB, 5.6 MiB."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"


def postgres_lines(postgres: PostgresProfile) -> list[str]:
    size = "" if postgres.bytes is None else f", {in_bytes(postgres.bytes)}"
    role = "hot standby" if postgres.standby else "primary"
    lines = [
        f"{postgres.server}, {role}, at {postgres.address}; {postgres.seconds:.1f} s",
        f"database   {postgres.database}{size}",
    ]
    if postgres.statements is None:
        lines += [f"{'table':<40}{'index scans/s':>14}{'changes/s':>12}{'rows':>12}"]
        for table in postgres.tables[:STATEMENTS]:
            rows = "–" if table.rows is None else f"{table.rows:,.0f}"
            lines.append(f"{cut(table.name, 39):<40}{table.scans_per_s:>14,.1f}{table.changes_per_s:>12,.1f}{rows:>12}")
        return lines
    total_ms = sum(each.mean_ms.value * each.calls for each in postgres.statements) or 1.0
    lines.append(f"{'statements, by time':<22}{'time':>6}{'calls/s':>10}{'mean ms':>27}{'sd ms':>8}{'rows':>7}")
    for each in postgres.statements[:STATEMENTS]:
        lines += statement_lines(each, total_ms)
    if len(postgres.statements) > STATEMENTS:
        lines.append(f"and {len(postgres.statements) - STATEMENTS} more statements")
    return lines


def statement_lines(statement: StatementProfile, total_ms: float) -> list[str]:
    share = f"{100 * statement.mean_ms.value * statement.calls / total_ms:.0f} %"
    mean = statement.mean_ms.text(",.3g")
    figures = f"{share:>6}{statement.calls_per_s:>10,.1f}{mean:>27}{statement.stddev_ms:>8,.2g}"
    return [f"{'':<22}{figures}{statement.rows_per_call:>7,.3g}", f"  {cut(statement.text, WIDTH - 2)}"]


def workload_lines(proposal: WorkloadProposal) -> list[str]:
    """The values of the workload, and what is not estimated."""
    known = ", ".join(f"{each.name} = {each.value:g}" for each in proposal.values if each.value is not None)
    unknown = ", ".join(each.name for each in proposal.values if each.value is None)
    text = f"workload   {known or 'no value'}" + (f"; not estimated: {unknown}" if unknown else "")
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * 11)


def cut(text: str, length: int) -> str:
    """The text, shortened to that many characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
