"""Reference implementation of docs/reference/measures.md: one read at a time, slow and simple."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Write:
    key: int
    version: int
    begin: float
    end: float
    acknowledged: float
    client: int = 0
    measured: bool = True


@dataclass(frozen=True)
class Read:
    key: int
    version: int
    start: float
    end: float
    client: int = 0
    measured: bool = True
    after_drain: bool = False


NEVER = float("inf")


def known(writes: list[Write], reads: list[Read], key: int, newer_than: int) -> float:
    """When a version of the key newer than that was first known."""
    ends = [w.end for w in writes if w.key == key and w.version > newer_than]
    ends += [r.end for r in reads if r.key == key and r.version > newer_than]
    return min(ends, default=NEVER)


def begun(writes: list[Write], key: int, newer_than: int) -> float:
    """When the first COMMIT of a version of the key newer than that began."""
    return min((w.begin for w in writes if w.key == key and w.version > newer_than), default=NEVER)


def acknowledged(writes: list[Write], key: int, newer_than: int) -> float:
    """When a version of the key newer than that was first acknowledged."""
    return min((w.acknowledged for w in writes if w.key == key and w.version > newer_than), default=NEVER)


def verdict(writes: list[Write], reads: list[Read], read: Read) -> dict[str, object]:
    """The classification of one read."""
    seen = known(writes, reads, read.key, read.version)
    stale = seen < read.start
    versions = {w.version for w in writes if w.key == read.key} | {r.version for r in reads if r.key == read.key}
    claimed = [w.begin for w in writes if (w.key, w.version) == (read.key, read.version)]
    return {
        "stale": stale,
        "after_acknowledgement": acknowledged(writes, read.key, read.version) < read.start,
        "possible": stale or begun(writes, read.key, read.version) < read.end,
        "future": bool(claimed) and min(claimed) > read.end,
        "age": read.start - seen if stale else 0,
        "behind": sum(known(writes, reads, read.key, v - 1) < read.start for v in versions if v > read.version)
        if stale
        else 0,
        "written": any(w.key == read.key for w in writes),
    }


def acknowledged_versions(writes: list[Write]) -> set[tuple[int, int]]:
    """(key, version) of the acknowledged writes."""
    return {(w.key, w.version) for w in writes if w.acknowledged < NEVER}


def pairs(writes: list[Write], reads: list[Read], low: float, high: float) -> tuple[int, int]:
    """Number of pairs of a version and a measured read with low < t ≤ high, and of fresh pairs."""
    found = [
        (r, v)
        for r in reads
        for key, v in acknowledged_versions(writes)
        if r.measured and key == r.key and low < r.start - acknowledged(writes, key, v - 1) <= high
    ]
    return len(found), sum(r.version >= v for r, v in found)


def checked_and_wrong(writes: list[Write], reads: list[Read], within: float) -> tuple[int, int]:
    """Number of measured versions that a read later than `within` checked, and of those with an older value in one."""
    checked = wrong = 0
    for key, v in {(w.key, w.version) for w in writes if w.acknowledged < NEVER and w.measured}:
        later = [r for r in reads if r.key == key and r.start > acknowledged(writes, key, v - 1) + within]
        checked += bool(later)
        wrong += any(r.version < v for r in later)
    return checked, wrong


def sessions(writes: list[Write], reads: list[Read]) -> tuple[int, int]:
    """Measured reads that miss the client's own write, and those older than an earlier read of the client."""
    missed = back = 0
    for r in reads:
        if not r.measured or r.after_drain:
            continue
        own = [w.version for w in writes if (w.client, w.key) == (r.client, r.key) and w.acknowledged <= r.start]
        before = [
            x.version
            for x in reads
            if (x.client, x.key) == (r.client, r.key) and x.start < r.start and not x.after_drain
        ]
        missed += any(v > r.version for v in own)
        back += any(v > r.version for v in before)
    return missed, back
