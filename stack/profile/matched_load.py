"""Finds the statement and the table behind the entries of a cache: a heuristic, which the workload's comments state."""

import json
import math
import re
from dataclasses import dataclass

from stampede.stack.profile.own_postgres.postgres_profile import PostgresProfile, StatementProfile, TableProfile

MOST_FACTOR = 1.5
"""By this factor the calls of a statement may differ from the misses of the cache to be its load."""
ROWS_OF_A_RECORD = 1.5
"""A statement that returns more rows per call does not load one record."""


@dataclass(frozen=True, kw_only=True)
class MatchedLoad:
    """What loads the records of the cache."""

    statement: StatementProfile | None
    """None: pg_stat_statements could not be read, and a table was found by its scans."""
    table: TableProfile | None
    why: str
    """In words, for a comment."""


def match_load(postgres: PostgresProfile, entity: str, misses_per_s: float | None) -> MatchedLoad | None:
    """The load, by the name of its table, or by a rate of calls near that of the misses. None: nothing fits."""
    if postgres.statements is None:
        return match_table(postgres, entity, misses_per_s)
    found = [each for each in postgres.statements if loads_one(each)]
    if misses_per_s is None:
        why = "the SELECT of one row by a key with the largest total time; without --redis no misses to compare with"
        return matched(postgres, found[0], why) if found else None
    named = [each for each in found if is_named(each.table or "", entity)]
    by_rate = [each for each in found if fits(each.calls_per_s, misses_per_s)]
    both = [each for each in named if each in by_rate]
    for those, reason in (
        (both, f"its table is named as the keys ({entity}), and its calls are near the misses"),
        (by_rate, "its calls are near the misses of the cache"),
        (named, f"its table is named as the keys ({entity}); its calls differ from the misses of the cache"),
    ):
        if those:
            best = min(those, key=lambda each: distance(each.calls_per_s, misses_per_s))
            share = f"{best.calls_per_s:,.4g} calls/s, {misses_per_s:,.4g} misses/s"
            return matched(postgres, best, f"{reason} ({share})")
    return None


def match_table(postgres: PostgresProfile, entity: str, misses_per_s: float | None) -> MatchedLoad | None:
    """The table, by its name or by a rate of index scans near that of the misses."""
    named = [each for each in postgres.tables if is_named(each.name, entity)]
    by_rate = [each for each in postgres.tables if misses_per_s and fits(each.scans_per_s, misses_per_s)]
    for those, reason in (
        (named, f"the table is named as the keys ({entity})"),
        (by_rate, "its scans are near the misses"),
    ):
        if those:
            best = min(those, key=lambda each: distance(each.scans_per_s, misses_per_s or 0.0))
            return MatchedLoad(statement=None, table=best, why=reason)
    return None


def matched(postgres: PostgresProfile, statement: StatementProfile, why: str) -> MatchedLoad:
    table = statement.table
    tables = [each for each in postgres.tables if table and is_same_table(each.name, table)]
    return MatchedLoad(statement=statement, table=tables[0] if len(tables) == 1 else None, why=why)


def loads_one(statement: StatementProfile) -> bool:
    """Whether it may load one record: a SELECT with a comparison to a parameter, of about one row per call."""
    is_select = statement.text.upper().startswith(("SELECT", "WITH"))
    known = statement.table is not None and statement.condition is not None
    return is_select and known and 0 < statement.rows_per_call <= ROWS_OF_A_RECORD


def is_same_table(full: str, written: str) -> bool:
    """Whether shop.products is the table that a statement calls products or shop.products."""
    return full == written or full.endswith(f".{written}")


def is_named(table: str, entity: str) -> bool:
    """Whether a table's name is the word of the keys, in the singular or plural."""
    name = table.rpartition(".")[2].strip('"').lower()
    return singular(name) == singular(entity.lower())


def singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def distance(one: float, other: float) -> float:
    """How far two rates are apart: the logarithm of their ratio."""
    return abs(math.log((one + 1e-9) / (other + 1e-9)))


def fits(one: float, other: float) -> bool:
    return distance(one, other) <= math.log(MOST_FACTOR)


def proposed_sql(load: MatchedLoad, entity: str) -> list[str]:
    """A commented table [sql] for the matched statement. Empty: there is none with a text and a condition."""
    statement = load.statement
    if statement is None or statement.condition is None or statement.table is None:
        return []
    column, parameter = statement.condition
    text = re.sub(rf"{re.escape(parameter)}(?!\d)", "%(id)s", statement.text.replace("%", "%%"))
    lines = [
        "To load your own rows, with --postgres: use these lines in place of load_cpu_ms and load_wait_ms.",
    ]
    if re.search(r"\$\d", text) or "'…'" in text:
        lines.append("Replace each remaining $1, $2 … and '…' by a value: pg_stat_statements does not keep them.")
    return [
        *lines,
        "[sql]",
        f"entity = {json.dumps(entity, ensure_ascii=False)}",
        f"load = {json.dumps(text, ensure_ascii=False)}",
        f"ids = {json.dumps(f'SELECT {column} FROM {statement.table} ORDER BY 1 LIMIT 1000', ensure_ascii=False)}",
    ]
