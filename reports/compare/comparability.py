"""Comparability of two runs: whether workload, machine, servers and method are equal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stampede.run_folder.read import Run
from stampede.run_folder.schema import RunInfo, ScenarioInfo


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which two runs differ."""

    what: str
    a: str
    b: str
    blocking: bool
    """Whether the figures of the two runs measure different things. Other differences are the subject of a comparison
    (code, packages), or chance (seed)."""

    def __str__(self) -> str:
        return f"{self.what} ({self.a}, {self.b})"


NOT_A_QUESTION = frozenset({"name", "question", "application", "expectation", "measured"})
"""Fields of a scenario that describe it, or hold what the calibration measured."""


def differences(a: Run, b: Run) -> list[Difference]:
    """Every difference that a reader of a comparison must know, the blocking ones first."""
    found = [*blocking(a.info, b.info), *informative(a.info, b.info)]
    return sorted(found, key=lambda x: not x.blocking)


def same_run(a: Run, b: Run) -> bool:
    """Whether both folders hold the same run."""
    return [(c.id, c.seed, c.begin_ns) for c in a.done] == [(c.id, c.seed, c.begin_ns) for c in b.done] and (
        a.info.started_utc == b.info.started_utc
    )


def blocking(a: RunInfo, b: RunInfo) -> Iterator[Difference]:
    """Differences of plan, method, workload, machine and servers; a run that failed."""
    yield from mismatches("", {"plan": a.plan, "method": a.method}, {"plan": b.plan, "method": b.method}, blocking=True)
    for x, y in shared(a, b):
        yield from mismatches(f"{x.name}.", conditions(x), conditions(y), blocking=True)
    yield from mismatches("machine.", machine(a), machine(b), blocking=True)
    yield from mismatches("servers.", servers(a), servers(b), blocking=True)
    if "failed" in (a.status, b.status):
        yield Difference(what="status", a=a.status, b=b.status, blocking=True)


def informative(a: RunInfo, b: RunInfo) -> Iterator[Difference]:
    """Differences that a comparison may be about (code, packages, serializer, contenders), and random ones (seed)."""
    for name in ("serializer", "seed", "rounds", "reference", "status"):
        yield from mismatches("", {name: getattr(a, name)}, {name: getattr(b, name)}, blocking=False)
    about = [x.metadata for x in (a, b)]
    for name in ("commit", "python"):
        yield from mismatches("", {name: about[0].get(name)}, {name: about[1].get(name)}, blocking=False)
    yield from mismatches("package ", about[0].get("packages", {}), about[1].get("packages", {}), blocking=False)
    for kind, x, y in (
        ("scenarios", {s.name for s in a.scenarios}, {s.name for s in b.scenarios}),
        ("contenders", {c.name for c in a.contenders}, {c.name for c in b.contenders}),
    ):
        if x != y:
            only = [", ".join(sorted(side)) or "none" for side in (x - y, y - x)]
            yield Difference(what=f"{kind} of one run only", a=only[0], b=only[1], blocking=False)
    of_b = {c.name: c for c in b.contenders}
    for c in a.contenders:
        if c.name in of_b:
            settings = [dict(flat({"config": i.config, "client": i.client, "kind": i.kind})) for i in (c, of_b[c.name])]
            yield from mismatches(f"{c.name}.", settings[0], settings[1], blocking=False)


def shared(a: RunInfo, b: RunInfo) -> list[tuple[ScenarioInfo, ScenarioInfo]]:
    """The scenarios that both runs have, in the order of the first."""
    of_b = {s.name: s for s in b.scenarios}
    return [(s, of_b[s.name]) for s in a.scenarios if s.name in of_b]


def conditions(scenario: ScenarioInfo) -> dict[str, Any]:
    """The conditions of a scenario: its workload, times, processes and faults."""
    return dict(flat({k: v for k, v in vars(scenario).items() if k not in NOT_A_QUESTION}))


def machine(info: RunInfo) -> dict[str, Any]:
    """System, CPU, cores, and memory in whole GiB."""
    box = info.metadata.get("machine", {})
    memory = box.get("memory_bytes")
    return {
        "system": box.get("system"),
        "cpu": box.get("cpu"),
        "cores": box.get("cores"),
        "memory_gib": None if memory is None else round(memory / 2**30),
    }


def servers(info: RunInfo) -> dict[str, Any]:
    """The stack, and each server's name, version, settings and allocator. Addresses may differ."""
    given = info.metadata.get("servers", {})
    kept: dict[str, Any] = {"stack": given.get("stack")}
    for kind in ("postgres", "redis"):
        if isinstance(server := given.get(kind), Mapping):
            kept[kind] = {k: server.get(k) for k in ("name", "version", "allocator", "settings")}
    return dict(flat(kept))


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """A nested mapping as pairs of (dotted name, value)."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def mismatches(prefix: str, a: Mapping[str, Any], b: Mapping[str, Any], *, blocking: bool) -> Iterator[Difference]:
    """One difference for each name whose values differ."""
    for name in [*a, *(k for k in b if k not in a)]:
        x, y = a.get(name), b.get(name)
        if x != y:
            yield Difference(what=f"{prefix}{name}", a=as_text(x), b=as_text(y), blocking=blocking)


def as_text(value: Any) -> str:
    """A value as text of at most 60 characters."""
    return "none" if value is None else str(value)[:60]
