"""Whether two runs may be compared: what they were asked, on what machine and servers, by which method."""

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
    serious: bool
    """Whether figures of the two are figures of different things. Else it is what a comparison is for, or luck."""

    def __str__(self) -> str:
        return f"{self.what} ({self.a}, {self.b})"


NOT_A_QUESTION = frozenset({"name", "question", "application", "expectation", "measured"})
"""Fields of a scenario that say it in words, or what calibration found."""


def differences(a: Run, b: Run) -> list[Difference]:
    """Every difference that a reader of a comparison must know, the serious ones first."""
    found = [*serious(a.info, b.info), *telling(a.info, b.info)]
    return sorted(found, key=lambda x: not x.serious)


def same_run(a: Run, b: Run) -> bool:
    """Whether both folders hold the facts of one run."""
    return [(c.id, c.seed, c.begin_ns) for c in a.done] == [(c.id, c.seed, c.begin_ns) for c in b.done] and (
        a.info.started_utc == b.info.started_utc
    )


def serious(a: RunInfo, b: RunInfo) -> Iterator[Difference]:
    """Plan, method, workload, machine, servers; a run that is void."""
    yield from unequal("", {"plan": a.plan, "method": a.method}, {"plan": b.plan, "method": b.method}, serious=True)
    for x, y in shared(a, b):
        yield from unequal(f"{x.name}.", asked(x), asked(y), serious=True)
    yield from unequal("machine.", machine(a), machine(b), serious=True)
    yield from unequal("servers.", servers(a), servers(b), serious=True)
    if "failed" in (a.status, b.status):
        yield Difference(what="status", a=a.status, b=b.status, serious=True)


def telling(a: RunInfo, b: RunInfo) -> Iterator[Difference]:
    """What may be the very change that is looked at (code, packages, contenders), and draws of luck (seed, rounds)."""
    for name in ("seed", "rounds", "reference", "status"):
        yield from unequal("", {name: getattr(a, name)}, {name: getattr(b, name)}, serious=False)
    about = [x.metadata for x in (a, b)]
    for name in ("commit", "python"):
        yield from unequal("", {name: about[0].get(name)}, {name: about[1].get(name)}, serious=False)
    yield from unequal("package ", about[0].get("packages", {}), about[1].get("packages", {}), serious=False)
    for kind, x, y in (
        ("scenarios", {s.name for s in a.scenarios}, {s.name for s in b.scenarios}),
        ("contenders", {c.name for c in a.contenders}, {c.name for c in b.contenders}),
    ):
        if x != y:
            only = [", ".join(sorted(side)) or "none" for side in (x - y, y - x)]
            yield Difference(what=f"{kind} of one run only", a=only[0], b=only[1], serious=False)
    of_b = {c.name: c for c in b.contenders}
    for c in a.contenders:
        if c.name in of_b:
            settings = [dict(flat({"config": i.config, "client": i.client, "kind": i.kind})) for i in (c, of_b[c.name])]
            yield from unequal(f"{c.name}.", settings[0], settings[1], serious=False)


def shared(a: RunInfo, b: RunInfo) -> list[tuple[ScenarioInfo, ScenarioInfo]]:
    of_b = {s.name: s for s in b.scenarios}
    return [(s, of_b[s.name]) for s in a.scenarios if s.name in of_b]


def asked(scenario: ScenarioInfo) -> dict[str, Any]:
    """What a scenario asks for: its workload, its times, its processes, what breaks in it."""
    return dict(flat({k: v for k, v in vars(scenario).items() if k not in NOT_A_QUESTION}))


def machine(info: RunInfo) -> dict[str, Any]:
    box = info.metadata.get("machine", {})
    memory = box.get("memory_bytes")
    return {
        "system": box.get("system"),
        "cpu": box.get("cpu"),
        "cores": box.get("cores"),
        "memory_gib": None if memory is None else round(memory / 2**30),
    }


def servers(info: RunInfo) -> dict[str, Any]:
    """Stack, and each server's name, version, settings and allocator. Addresses are of no matter."""
    given = info.metadata.get("servers", {})
    kept: dict[str, Any] = {"stack": given.get("stack")}
    for kind in ("postgres", "redis"):
        if isinstance(server := given.get(kind), Mapping):
            kept[kind] = {k: server.get(k) for k in ("name", "version", "allocator", "settings")}
    return dict(flat(kept))


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def unequal(prefix: str, a: Mapping[str, Any], b: Mapping[str, Any], *, serious: bool) -> Iterator[Difference]:
    for name in [*a, *(k for k in b if k not in a)]:
        x, y = a.get(name), b.get(name)
        if x != y:
            yield Difference(what=f"{prefix}{name}", a=said(x), b=said(y), serious=serious)


def said(value: Any) -> str:
    return "none" if value is None else str(value)[:60]
