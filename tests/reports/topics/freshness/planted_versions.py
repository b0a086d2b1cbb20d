"""Adds versions to planted run folders: the version of each write, and a chosen version for each read."""

import bisect

from stampede.run_folder.schema import CellInfo
from tests.reports.planted_runs.planted import MS, Change, Row


def versioned(
    *, commit_ms: float = 0.5, stale_ms: float = 0.0, only: str | None = None, from_the_future: bool = False
) -> Change:
    """Every write gets the next version of its key, with a COMMIT that ends just before the write does.

    Every read returns the newest version committed when it began, or `stale_ms` earlier. `only`: the one contender
    with stale reads. `from_the_future`: reads return versions that are not committed yet.
    """

    def change(cell: CellInfo, rows: list[Row]) -> list[Row]:
        if cell.contender == "bare-get":
            return rows
        commits: dict[int, list[int]] = {}
        for r in sorted((r for r in rows if r["operation"] == "write"), key=lambda r: r["end_ns"]):
            ends = commits.setdefault(r["key"], [])
            end = max(r["end_ns"] - MS // 10, ends[-1] + 2 if ends else 0)
            ends.append(end)
            r |= {"version_written": len(ends) + 1, "commit_start_ns": end - round(commit_ms * MS)}
            r |= {"commit_end_ns": end, "end_ns": end + MS // 10}
        behind_ns = round(stale_ms * MS) if only in (None, cell.contender) else 0
        for r in rows:
            if r["operation"] == "read" and r["end_ns"] is not None:
                ends = commits.get(r["key"], [])
                r["version_read"] = 1 + bisect.bisect_right(ends, r["start_ns"] - behind_ns)
                if from_the_future and ends and r["end_ns"] < ends[-1] - MS:
                    r["version_read"] = 1 + len(ends)
        return rows

    return change
