"""Puts each contender's own entries into Redis before a cell, in the steady state of a service that has run for long.

The contender makes its entries once, by reading. Then they are kept here as Redis dumps them, and are restored before
each cell with newly drawn remaining lifetimes, which takes a tenth of the time.
"""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stampede.core.errors import CellBroken, HarnessBroken
from stampede.core.text.record_id_text import record_in_key
from stampede.loadtests.appserver.request_drawing import IDS_CHECKSUM, Populations
from stampede.loadtests.appserver.warmup import Fill, entries_of
from stampede.loadtests.coordinator.server_connections import ServerConnections
from stampede.loadtests.locustfiles.run_config import CellPlan, RunConfig, ScenarioPlan
from stampede.scenarios.traffic.resident_entries import MOST_RECORDS, ResidentEntries
from stampede.scenarios.workload import Workload
from stampede.stack.redis.redis_rights import is_refusal, is_unknown
from stampede.stack.server_counters import KEYS_AT_ONCE, keys_pattern

KEPT_AT_MOST_BYTES = 512 * 1024 * 1024
"""The memory for kept entries. Beyond it the oldest are dropped, and made again when they are needed."""
COMMANDS_AT_ONCE = 2_000
NO_EXPIRY = -1
"""PTTL's answer for a key without a TTL."""


@dataclass(frozen=True, kw_only=True)
class KeptEntries:
    """A contender's entries, as DUMP returned them."""

    keys: list[bytes]
    dumps: list[bytes]
    expires: npt.NDArray[np.bool_]
    """Which of the keys had a TTL."""

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.keys)) + sum(map(len, self.dumps))


class EntryStore:
    """The kept entries of a run, by contender and workload."""

    def __init__(self, config: RunConfig, servers: ServerConnections) -> None:
        self._key_prefix = config.key_prefix
        self.servers = servers
        self._populations = Populations(lambda: nullcontext(servers.postgres), config.seed, config.postgres_url)
        self._kept: dict[tuple[str, Workload], KeptEntries] = {}
        self.refused = ""
        """The command that Redis refused, so that entries are made again before each cell. Empty: none."""

    def fill_for(self, config: RunConfig, plan: CellPlan) -> Fill:
        """What the application servers must read before a cell."""
        scenario, spec = config.scenario(plan.scenario), config.contender_spec(plan.contender)
        if scenario.flood is not None or scenario.cold or spec.kind == "baseline":
            return "nothing"
        own_rows_change = scenario.workload.own_sql and scenario.workload.read_share < 1
        if own_rows_change or spec.file is not None or self.refused:
            return "residents"
        return "nothing" if entry_name(config, plan) in self._kept else "candidates"

    def arrange(self, config: RunConfig, plan: CellPlan, fill: Fill) -> None:
        """Give the cell its entries, after the application servers have read what `fill_for` said."""
        scenario, spec = config.scenario(plan.scenario), config.contender_spec(plan.contender)
        if scenario.flood is not None or scenario.cold or spec.kind == "baseline":
            return
        entries, name = entries_of(config, spec, scenario, self._populations), entry_name(config, plan)
        if fill == "candidates":
            self._keep(name)
        kept = None if fill == "residents" else self._kept.get(name)
        if kept is None or not self._restore(kept, entries, plan.seed):
            self._spread(entries, plan.seed)

    def check_ids(self, scenario: ScenarioPlan, accounts: Mapping[int, dict[str, float]]) -> None:
        """Take the checksums of the ids out of the processes' counters. Raises HarnessBroken if one differs: positions
        would stand for other records there."""
        for process, account in accounts.items():
            found = account.pop(IDS_CHECKSUM, None)
            if found is not None and found != self._populations.population(scenario).checksum:
                raise HarnessBroken(
                    f"{scenario.name}: `ids` returned other rows, or another order, in process {process} "
                    "(wanted: the same in every process: ORDER BY a unique column)"
                )

    def record_patterns(self, scenario: ScenarioPlan) -> list[re.Pattern[bytes]]:
        """For each query of a scenario: finds its record in a key's name."""
        population = self._populations.population(scenario)
        return [record_in_key(query.entity, population.record_id(query.first)) for query in population.queries]

    def _keep(self, name: tuple[str, Workload]) -> None:
        """Take every entry from Redis, unless the user may not run DUMP."""
        keys = self._keys()
        answers = self._send([command for key in keys for command in (("DUMP", key), ("PTTL", key))])
        self.refused = refused_command(answers, "DUMP")
        if self.refused:
            return
        found = [(k, dump, left) for k, dump, left in zip(keys, answers[::2], answers[1::2], strict=True) if dump]
        kept = KeptEntries(
            keys=[key for key, _, _ in found],
            dumps=[dump for _, dump, _ in found],
            expires=np.array([left != NO_EXPIRY for _, _, left in found], dtype=np.bool_),
        )
        self._kept[name] = kept
        while sum(k.size_bytes for k in self._kept.values()) > KEPT_AT_MOST_BYTES and len(self._kept) > 1:
            del self._kept[next(iter(self._kept))]

    def _restore(self, kept: KeptEntries, entries: ResidentEntries, seed: int) -> bool:
        """Put the entries of a cell back. False: the user may not run RESTORE."""
        present, left_ms = drawn_for(kept.keys, entries, seed)
        left_ms = np.where(kept.expires, left_ms, 0)
        commands: list[tuple[Any, ...]] = [
            ("RESTORE", key, left, dump, "REPLACE")
            for key, dump, left, here in zip(kept.keys, kept.dumps, left_ms.tolist(), present.tolist(), strict=True)
            if here
        ]
        absent = [key for key, here in zip(kept.keys, present.tolist(), strict=True) if not here]
        answers = self._send([*commands, *([("UNLINK", *absent)] if absent else [])])
        self.refused = refused_command(answers, "RESTORE")
        failed = next((answer for answer in answers if isinstance(answer, Exception)), None)
        if failed is not None and not self.refused:
            raise CellBroken(f"Redis could not restore an entry: {failed}")
        return not self.refused

    def _spread(self, entries: ResidentEntries, seed: int) -> None:
        """Give the entries that were read a drawn remaining lifetime, up to their current one, and remove those of
        records that are absent."""
        keys = self._keys()
        left_ms = np.array(self._send([("PTTL", key) for key in keys]), dtype=np.int64)
        present, drawn_ms = drawn_for(keys, entries, seed)
        commands: list[tuple[Any, ...]] = []
        for key, now_ms, new_ms, here in zip(keys, left_ms, drawn_ms.tolist(), present.tolist(), strict=True):
            if now_ms > 0:
                commands.append(("PEXPIRE", key, min(int(now_ms), new_ms)) if here else ("UNLINK", key))
        self._send(commands)

    def _keys(self) -> list[bytes]:
        return list(self.servers.redis.scan_iter(match=keys_pattern(self._key_prefix), count=KEYS_AT_ONCE))

    def _send(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """The answers, or errors, of commands that are sent in few round trips."""
        answers: list[Any] = []
        for first in range(0, len(commands), COMMANDS_AT_ONCE):
            pipeline = self.servers.redis.pipeline(transaction=False)
            for command in commands[first : first + COMMANDS_AT_ONCE]:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            answers += pipeline.execute(raise_on_error=False)
        return answers


def entry_name(config: RunConfig, plan: CellPlan) -> tuple[str, Workload]:
    """Cells with the same name begin with the same entries: an A/A copy has those of its original, and neither the
    simulated RTT nor the cost of a load is in an entry."""
    spec, workload = config.contender_spec(plan.contender), config.scenario(plan.scenario).workload
    return spec.copy_of or spec.name, replace(workload, rtt_ms=None, load_cpu_ms=0.0, load_wait_ms=0.0)


def drawn_for(
    keys: list[bytes], entries: ResidentEntries, seed: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """For each key: whether its record has an entry, and the remaining lifetime of the entry in ms, at least 1. A key
    that names no requested record is present, with a uniform lifetime."""
    at = entries.population.positions_in(keys, MOST_RECORDS)
    uniform = np.random.default_rng(seed).random(len(keys))
    present = np.where(at < 0, True, entries.present(seed)[at])
    share = np.where(at < 0, uniform, entries.left_shares(seed)[at])
    ttls_s = entries.population.ttls_s
    ttl_s = np.where(at < 0, ttls_s.max(), ttls_s[at])
    return present, np.maximum(1, np.round(share * ttl_s * 1000)).astype(np.int64)


def refused_command(answers: list[Any], name: str) -> str:
    """The name, if the user lacks the right to run the command or the server has no such command; else empty."""
    return name if any(is_refusal(a) or is_unknown(a) for a in answers) else ""
