"""The workload file that a profile writes: it stands for the servers, and each value has a comment."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stampede.core.errors import ConfigError
from stampede.core.models.popularity_fit import CacheFacts, zipf_hit_rate
from stampede.scenarios.workload import OwnSql, Workload, read_workload
from stampede.stack.profile.estimates import SampleEstimate
from stampede.stack.profile.own_redis.redis_profile import key_patterns
from stampede.stack.profile.server_profile import ServerProfile
from stampede.stack.profile.workload_proposal import LIMITS, WorkloadProposal, propose_workload
from stampede.stack.servers import Remark
from tests.stack.profile.profiled_servers import (
    ROWS,
    TTL_MS,
    VALUE,
)


def test_the_workload_stands_for_the_service(busy: ServerProfile, tmp_path: Path) -> None:
    """The file is accepted, with comments; rates, TTL, records, load time and hit rate are those profiled."""
    proposal = propose_workload(busy)
    path = tmp_path / "workload.toml"
    path.write_text(proposal.text(), encoding="utf-8")
    values = dict(read_workload(path, frozenset()).common)
    assert busy.redis is not None
    assert busy.postgres is not None
    assert busy.postgres.statements is not None
    mean_ms = busy.postgres.statements[0].mean_ms.value
    assert values["load_wait_ms"] + values["load_cpu_ms"] == pytest.approx(mean_ms, rel=0.01)
    assert values["records"] == pytest.approx(ROWS, rel=0.02)
    assert values["record_bytes"] == len(VALUE)
    assert values["ttl_s"] == pytest.approx(TTL_MS / 1e3, rel=0.05)
    assert values["rate_per_s"] * values["read_share"] == pytest.approx(busy.redis.lookups_per_s.value, rel=0.01)
    assert 0.98 <= values["read_share"] < 1
    facts = CacheFacts(
        reads_per_s=values["rate_per_s"] * values["read_share"],
        writes_per_s=values["rate_per_s"] * (1 - values["read_share"]),
        ttl_s=values["ttl_s"],
        load_s=mean_ms / 1e3,
    )
    assert busy.redis.hit_rate is not None
    reproduced = zipf_hit_rate(facts, values["records"], values["key_skew"])
    assert reproduced == pytest.approx(busy.redis.hit_rate.value, abs=0.03)
    lines = path.read_text(encoding="utf-8").splitlines()
    values_at = [number for number, line in enumerate(lines) if line and not line.startswith("#")]
    assert len(values_at) == len(values)
    assert all(lines[number - 1].startswith("# ") for number in values_at)


def test_the_statement_is_proposed_as_own_sql(busy: ServerProfile) -> None:
    """Without its comment signs the table [sql] is TOML, and its load takes the id as a parameter."""
    lines = [line.removeprefix("# ") for line in propose_workload(busy).sql]
    table = tomllib.loads("\n".join(lines[lines.index("[sql]") :]))["sql"]
    OwnSql(**table)
    assert "WHERE id = %(id)s" in table["load"]
    assert table["ids"] == "SELECT id FROM shop.products ORDER BY 1 LIMIT 1000"
    assert table["entity"] == "product"


def test_refused_ttls_are_not_taken_for_entries_without_one(busy: ServerProfile) -> None:
    """Then the default stays."""
    assert busy.redis is not None
    sample = tuple(replace(each, ttl_s=None) for each in busy.redis.sample)
    patterns = key_patterns(sample, busy.redis.keys, complete=True)
    without = replace(busy.redis, sample=sample, patterns=patterns)
    assert propose_workload(replace(busy, redis=without))["ttl_s"] == LIMITS["ttl_s"][1]
    refusal = Remark(name="PTTL", what="the server refuses it", cost="TTLs are not estimated")
    assert not propose_workload(replace(busy, redis=replace(without, remarks=(refusal,)))).known("ttl_s")


def test_a_short_load_only_computes(busy: ServerProfile) -> None:
    """A load of 0.3 ms gets no wait, and the time of the suite's own load is taken off."""
    assert busy.postgres is not None
    statements = busy.postgres.statements or ()
    short = replace(statements[0], mean_ms=SampleEstimate(value=0.3, low=0.28, high=0.32))
    found = propose_workload(replace(busy, postgres=replace(busy.postgres, statements=(short, *statements[1:]))))
    assert found["load_wait_ms"] == 0
    assert found["load_cpu_ms"] == pytest.approx(0.25)


@pytest.mark.parametrize("name", LIMITS)
def test_values_outside_the_workloads_limits_are_clamped_with_a_comment(name: str) -> None:
    """The limits here are those of a workload: it takes them, and nothing beyond the highest."""
    kind = int if name in ("records", "record_bytes") else float
    low, high = (kind(limit) for limit in LIMITS[name])
    for limit, beyond in ((low, low - kind(1)), (high, high + kind(1))):
        proposal = WorkloadProposal(entity="x")
        assert proposal.set(name, beyond, "seen") == limit
        assert f"so {limit:,g} stands for" in proposal.text()
        accepted: dict[str, Any] = {name: limit}
        Workload(**accepted)
    refused: dict[str, Any] = {name: high + kind(1)}
    with pytest.raises(ConfigError, match=name):
        Workload(**refused)
