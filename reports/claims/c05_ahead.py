"""Claim C5: refresh-ahead prevents misses on frequently read data.

Without refresh-ahead, reads miss the most-read key at least once per TTL, when its entry expires. “Prevents” means
fewer than one miss in ten TTLs. This needs a read in the last part of the TTL, a refresh that ends in time, and no
write that deletes the entry; the conditions therefore name the writes and the duration of a load.
"""

from stampede.reports.analysis.analysis import Analysis
from stampede.reports.claims.claim import Case, Claim, counted_below, with_interval
from stampede.reports.claims.lookup import REFERENCE, groups, misses_per_ttl, simulated_rtt, ttls
from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.schema import ScenarioInfo

MOST = 0.1
AHEAD = "refresh-ahead"


def of_misses(place: str, misses: Estimate, in_ttls: float, reference: str = "", href: str = "") -> Case:
    """The case of one scenario. `reference`: the same figure of the reference, as text."""
    answer, why = counted_below(misses, MOST, of=in_ttls)
    figure = f"{AHEAD}: {with_interval(misses)} misses of the most-read key per TTL{reference}"
    return Case(condition=place, answer=answer, why=why, figure=figure, href=href)


def place(s: ScenarioInfo, config: dict[str, object]) -> str:
    """The condition: writes, duration of a load and time of the refresh."""
    writes = 100 * (1 - float(s.workload["read_share"]))
    load_ms, ttl_s = s.measured.get("load_ms", 0.0), float(s.workload["ttl_s"])
    share = config.get("refresh_below_share")
    left = f", refreshed in the last {1000 * ttl_s * share:.0f} ms of a TTL" if isinstance(share, int | float) else ""
    return f"{writes:g} % writes and loads of {load_ms:.0f} ms{left} ({s.name}, {simulated_rtt(s)})"


def cases(analysis: Analysis) -> list[Case]:
    without = {s.name: misses_per_ttl(cells) for s, cells in groups(analysis, REFERENCE)}
    found = []
    for s, cells in groups(analysis, AHEAD):
        reference = f"; {REFERENCE} {with_interval(without[s.name])}" if s.name in without else ""
        condition = place(s, cells[0].contender.config)
        found.append(of_misses(condition, misses_per_ttl(cells), ttls(cells), reference, s.name))
    return found


CLAIM = Claim(
    row="C5",
    statement="refresh-ahead prevents misses on frequently read data",
    short="refresh-ahead prevents misses",
    rule=(
        f"fewer than {MOST:g} misses of the most-read key per TTL, for the whole interval (or each of three rounds); "
        "if none was seen, 3/n of n TTLs must be below that"
    ),
    cases=cases,
)
