"""The closed list of warnings about a run. The report prints each warning above the figures that it concerns."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WarningKind:
    """One kind of warning, and the texts that explain it."""

    name: str
    """Stable; also the anchor in the report."""
    measures: str
    """What the check measures."""
    unit: str
    """Unit of value and limit: ms, share, rounds, cells, 1 …"""
    limit: str
    """The condition under which the report warns, in words."""
    advice: str
    """What the reader can do."""
    withholds: str
    """What the figures concerned cannot show."""
    opens: str = ""
    """How the sentence begins if each contender only adds a figure."""
    voids: bool = False
    """Whether the run is void: the fault is in the suite, not in the reader's environment."""


@dataclass(frozen=True, kw_only=True)
class RunWarning:
    """One warning about one run."""

    kind: WarningKind
    what: str
    """The finding in one sentence, with its figures."""
    value: float | None = None
    limit: float | None = None
    """The limit that the value exceeded, in the unit of the kind."""
    scenario: str | None = None
    """None: the warning concerns the whole run."""
    contenders: tuple[str, ...] = ()
    """Empty: all contenders."""
    cells: tuple[int, ...] = ()
    """Ids of the cells concerned."""
    number: int = 0
    """The printed number, from 1; 0: not yet numbered."""
    size: float = 0.0
    """The largest difference that is possible, as a share, for a warning about a difference; 0: for any other."""


BETTER_THAN_BOUND = WarningKind(
    name="better-than-bound",
    measures="each contender compared with the bare Redis GET, which is the fastest possible read",
    unit="1",
    limit="the whole interval lies below that of the bare GET by more than the noise floor",
    advice="this is a fault of the suite: please report it with the run folder",
    withholds="everything",
    voids=True,
)
FROM_THE_FUTURE = WarningKind(
    name="from-the-future",
    measures="reads that ended before the COMMIT of the returned version had started",
    unit="reads",
    limit="any",
    advice="the recorded timestamps are inconsistent: please report it with the run folder",
    withholds="everything",
    voids=True,
)
TOO_DENSE = WarningKind(
    name="too-dense",
    measures="reads that may have been stale, per read that certainly was; only if they are over 5 % of the reads",
    unit="1",
    limit="above 3",
    advice="use more keys (active_records) or a lower rate, so that reads and commits of one key overlap less",
    withholds="the share of stale reads, except as a lower bound",
)
EXISTING_NOT_FOUND = WarningKind(
    name="existing-not-found",
    measures="answered reads that returned no record although the record exists",
    unit="share",
    limit="any",
    advice="correct the contender: a lost lock or a missing key does not mean that the record is absent",
    withholds="every recommendation of this contender in that scenario; its response times include wrong answers",
)
COUNTS_DIFFER = WarningKind(
    name="counts-differ",
    measures="our own counts compared with those of Locust, Redis (commandstats) and pg_stat_statements",
    unit="1",
    limit="any difference",
    advice="look for another client of the same servers; if there is none, report it with the run folder",
    withholds="loads, commands and database time of the cells concerned",
)
COPIES_DIFFER = WarningKind(
    name="twins-differ",  # quoted
    measures="two copies of one contender under different names (A/A)",
    unit="1",
    limit="they differ at the 5 % level, with Holm's correction over the A/A rows of a scenario",
    advice="use a quieter machine or more rounds",
    withholds="every better and worse of that scenario",
)
GENERATOR_LATE = WarningKind(
    name="generator-late",
    measures="p99 of start − max(due, thread free): the lateness of the harness itself",
    unit="ms",
    limit="above 1 ms and above 10 % of the p99 response time",
    opens="the load generator sent 1 % of the requests late, by more than ",
    advice="lower rate_per_s, free the machine, or spread the load over more machines",
    withholds="response times close to that lateness or below it",
)
SCALE_NOT_PRESERVED = WarningKind(
    name="scale-not-preserved",
    measures="load time, refresh window and TTL of each contender in a scenario with a TTL below 60 s",
    unit="1",
    limit="one of them is less than five times the one before it",
    advice="use a longer TTL (ttl_s) or faster loads (load_cpu_ms, load_wait_ms)",
    withholds="every comparison of this contender in that scenario: with a longer TTL it would behave differently",
)
SATURATED = WarningKind(
    name="saturated",
    measures="share of the due requests that ended by the deadline D",
    unit="share",
    limit="below 1",
    advice="lower rate_per_s until every contender can answer, or raise users_per_process",
    withholds="comparisons of response times with this contender; its percentiles may read > D",
)
ERRORS = WarningKind(
    name="errors",
    measures="requests that ended in an exception",
    unit="requests",
    limit="any",
    advice="read the error classes below; failed requests are left out of all response times",
    withholds="response times of the failed requests",
)
FEW_ROUNDS = WarningKind(
    name="few-rounds",
    measures="complete rounds",
    unit="rounds",
    limit="below 6",
    advice="make bench (plan quick: eight rounds)",
    withholds="every better, worse and same: the report shows ranges instead of intervals",
)
CELLS_MISSING = WarningKind(
    name="cells-missing",
    measures="planned cells that failed or did not run",
    unit="cells",
    limit="any",
    advice="run again; the finished cells are valid",
    withholds="pairs in the rounds that lack a cell",
)
DATABASE_BUSY = WarningKind(
    name="database-busy",
    measures="share of all cores that the database used during a cell",
    opens="the database used at most this share of all cores: ",
    unit="share",
    limit="above one half",
    advice="lower load_cpu_ms or rate_per_s, or run the database on another machine",
    withholds="1 + rate × load time as an expectation: loads queue for cores and accumulate",
)
MACHINE_BUSY = WarningKind(
    name="machine-busy",
    measures="share of all cores that were busy during a cell, whatever used them",
    opens="share of all cores that were busy: ",
    unit="share",
    limit="above 0.9",
    advice="lower rate_per_s, or use more cores",
    withholds="response times: they include the wait for a core",
)
DISTANCE_OFF = WarningKind(
    name="distance-off",
    measures="simulated RTT per round trip: the achieved median minus the requested value",
    opens="the simulated RTT per round trip was ",
    unit="ms",
    limit="they differ by more than 0.1 ms",
    advice="free the machine, or run with --rtt 0",
    withholds="response times for the requested RTT",
)
NOT_STEADY = WarningKind(
    name="not-steady",
    measures="read p50 in the second half of a cell divided by that in the first half",
    unit="1",
    limit="the whole interval lies outside 1 ± 10 %",
    advice="compare both halves; use longer cells or a longer warm-up",
    withholds="one figure for the whole cell",
)
REMARK = WarningKind(
    name="remark",
    measures="remarks that the harness made during the run",
    unit="",
    limit="any remark",
    advice="",
    withholds="",
)
UNFINISHED = WarningKind(
    name="unfinished",
    measures="whether the run finished",
    unit="",
    limit="any status other than finished",
    advice="run again for the cells that are missing",
    withholds="nothing about the finished cells",
)

CLOCK_STEPPED = WarningKind(
    name="clock-stepped",
    measures="the wall clock compared with the monotonic clock, over a cell",
    unit="s",
    limit="they differ by more than 10 ms plus a thousandth of the cell",
    advice="wait until the clock is stable (a resumed virtual machine, a step by a time service), and run again",
    withholds="everything in those cells that uses the wall clock: windows of limiters, timestamps of servers",
)
STOPPED = WarningKind(
    name="stopped",
    measures="how long a server or a process of the suite was silent, and whether the machine slept",
    unit="s",
    limit="above 2 s",
    advice="keep the machine awake and its processes running (no suspend, no debugger, no paused container); run again",
    withholds="figures of those cells: requests waited for the stopped process",
)
CLOCKS_APART = WarningKind(
    name="clocks-apart",
    measures="whether application servers on other machines used clocks of their own",
    unit="ms",
    limit="any: the uncertainty of their instants is half the shortest round trip plus the drift over a cell",
    advice="reduce the latency between the machines, or run the application servers on one machine",
    withholds=(
        "the order of events on different machines within twice that uncertainty: staleness and limiter windows allow "
        "for it, so fewer cases are certain. Response times and counts are not affected"
    ),
)
SETTINGS_CHANGED = WarningKind(
    name="settings-changed",
    measures="the servers' settings, before and after each cell",
    unit="settings",
    limit="any",
    advice="find the process that changed them; use servers that no other client configures",
    withholds="comparisons between cells before and after the change",
)
OTHER_LOAD = WarningKind(
    name="other-load",
    measures="share of all cores used by neither the suite nor the servers, or taken by the hypervisor",
    opens="share of all cores: ",
    unit="share",
    limit="above 0.1 by other processes, or above 0.05 stolen by the hypervisor",
    advice="stop other programs on the machine, or use a machine that is not shared",
    withholds="response times of an otherwise idle machine",
)
CPU_SATURATED = WarningKind(
    name="cpu-saturated",
    measures="share of one core used by an application server or by Redis, each of which can use one core only",
    unit="share",
    limit="above 0.9",
    advice="lower rate_per_s, or raise --processes",
    withholds="response times: they include the wait for that core",
)
RATE_MISSED = WarningKind(
    name="rate-missed",
    measures="requests per second that began in the window, compared with the requested rate",
    opens="requests began at ",
    unit="share",
    limit="below 0.95 of the requested rate, by more than random arrivals explain",
    advice="lower rate_per_s, or raise users_per_process or --processes",
    withholds="figures for the requested rate",
)
FEW_SAMPLES = WarningKind(
    name="few-samples",
    measures="answered reads in a cell",
    opens="answered reads: ",
    unit="reads",
    limit="below 20: ten on each side of a median",
    advice="raise rate_per_s, or use longer cells",
    withholds="a cell's median, except as a rough figure",
)
DRIFT = WarningKind(
    name="drift",
    measures="the drift probe (PING, SELECT 1, a fixed Python loop) and all contenders' read p50, first to last rounds",
    unit="1",
    limit="they differ by more than 15 %",
    advice="wait until the machine is stable (temperature, battery, other tenants), and run again",
    withholds="absolute levels; comparisons are paired by round and stay valid",
)
LITTLES_LAW = WarningKind(
    name="littles-law",
    measures="requests in the system, counted at random instants, against the recorded times; likewise active sessions",
    unit="1",
    limit="they differ by more than 5 % and 3 standard errors; in the database by 30 %, 99 % interval without 0",
    advice="the recorded times are wrong: look for a clock that stepped, or report it with the run folder",
    withholds="response times and rates of that row",
)

KINDS = (
    BETTER_THAN_BOUND,
    FROM_THE_FUTURE,
    COPIES_DIFFER,
    EXISTING_NOT_FOUND,
    COUNTS_DIFFER,
    UNFINISHED,
    CELLS_MISSING,
    FEW_ROUNDS,
    SCALE_NOT_PRESERVED,
    SATURATED,
    ERRORS,
    GENERATOR_LATE,
    DATABASE_BUSY,
    MACHINE_BUSY,
    DISTANCE_OFF,
    NOT_STEADY,
    TOO_DENSE,
    RATE_MISSED,
    CPU_SATURATED,
    OTHER_LOAD,
    DRIFT,
    STOPPED,
    CLOCK_STEPPED,
    CLOCKS_APART,
    SETTINGS_CHANGED,
    LITTLES_LAW,
    FEW_SAMPLES,
    REMARK,
)
"""All kinds, most serious first; the report prints warnings in this order."""
