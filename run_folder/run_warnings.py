"""The warnings that a run can have: a closed list. A report prints each warning above the figures that it concerns."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WarningKind:
    """A check of every run, and the warning that it gives."""

    name: str
    """A stable name, also the anchor in the report."""
    measures: str
    """What is checked."""
    unit: str
    """The unit of value and limit: ms, share, rounds, cells, 1 …"""
    limit: str
    """The condition for the warning, in words."""
    advice: str
    """What the reader can do about it."""
    withholds: str
    """What the figures concerned do not show."""
    opens: str = ""
    """The start of the sentence, if each contender only adds a figure to it."""
    voids: bool = False
    """Whether the warning makes the run void: it shows a bug of the suite, not a problem of the environment."""


@dataclass(frozen=True, kw_only=True)
class RunWarning:
    """One warning about one run."""

    kind: WarningKind
    what: str
    """The finding in one sentence, with its figures."""
    value: float | None = None
    limit: float | None = None
    """The limit that the value exceeded, in the kind's unit."""
    scenario: str | None = None
    """None: the whole run."""
    contenders: tuple[str, ...] = ()
    """Empty: all contenders."""
    cells: tuple[int, ...] = ()
    """The cells concerned."""
    number: int = 0
    """The printed number, from 1. 0: not yet numbered."""


BETTER_THAN_BOUND = WarningKind(
    name="better-than-bound",
    measures="a contender compared with a bare Redis GET, the fastest possible hit",
    unit="1",
    limit="its whole interval lies below the baseline's by more than the noise floor",
    advice="this is a bug of the suite: please report it with the run folder",
    withholds="everything",
    voids=True,
)
FROM_THE_FUTURE = WarningKind(
    name="from-the-future",
    measures="reads that ended before the COMMIT of the version that they returned had begun",
    unit="reads",
    limit="any",
    advice="the recorded timestamps are inconsistent: please report it with the run folder",
    withholds="everything",
    voids=True,
)
TOO_DENSE = WarningKind(
    name="too-dense",
    measures="reads that may have been stale per read that certainly was; only if they are over 5 % of the reads",
    unit="1",
    limit="above 3",
    advice="use more keys (active_records) or a lower rate: reads and commits of one key then overlap less",
    withholds="the share of stale reads: it is only a lower bound",
)
EXISTING_NOT_FOUND = WarningKind(
    name="existing-not-found",
    measures="answered reads that returned no record, though the record exists",
    unit="share",
    limit="any",
    advice="correct the contender: a lost lock or a missing key does not mean that the record does not exist",
    withholds="a recommendation of this contender in that scenario; its response times include wrong answers",
)
COUNTS_DIFFER = WarningKind(
    name="counts-differ",
    measures="our counts compared with those of Locust, Redis' commandstats and pg_stat_statements",
    unit="1",
    limit="any difference",
    advice="look for another client of the same servers; if there is none, report it with the run folder",
    withholds="loads, commands and database time of the cells concerned",
)
TWINS_DIFFER = WarningKind(
    name="twins-differ",
    measures="two copies of one contender under different names (A/A)",
    unit="1",
    limit="they differ at the 5 % level, Holm over the A/A rows of a scenario",
    advice="run on a quieter machine, or with more rounds",
    withholds="every better and worse in that scenario",
)
GENERATOR_LATE = WarningKind(
    name="generator-late",
    measures="p99 of start − max(due, thread free): the lateness of the load generator",
    unit="ms",
    limit="above 1 ms and above 10 % of the response time's p99",
    opens="at p99 the load generator was late by ",
    advice="lower rate_per_s, stop other programs, or use more machines",
    withholds="response times near or below that lateness",
)
SATURATED = WarningKind(
    name="saturated",
    measures="share of the due requests that ended before the deadline D",
    unit="share",
    limit="below 1",
    advice="lower rate_per_s to a rate that every contender can carry, or raise users_per_process",
    withholds="comparisons of response times with this contender; its percentiles may read > D",
)
ERRORS = WarningKind(
    name="errors",
    measures="requests that ended in an exception",
    unit="requests",
    limit="any",
    advice="look at the error classes below; response times do not include failed requests",
    withholds="response times of the failed requests",
)
FEW_ROUNDS = WarningKind(
    name="few-rounds",
    measures="complete rounds",
    unit="rounds",
    limit="below 6",
    advice="make bench (plan quick: eight rounds)",
    withholds="every better, worse and same: the report shows observed ranges instead of intervals",
)
CELLS_MISSING = WarningKind(
    name="cells-missing",
    measures="planned cells that failed or never ran",
    unit="cells",
    limit="any",
    advice="run again; the finished cells stay valid",
    withholds="comparisons in the rounds that lack a cell",
)
DATABASE_BUSY = WarningKind(
    name="database-busy",
    measures="share of all cores that the database used during a cell",
    opens="highest share of all cores that the database used: ",
    unit="share",
    limit="above a half",
    advice="lower load_cpu_ms or rate_per_s, or put the database on a separate machine",
    withholds="1 + rate × load time as an expectation: loads wait for cores and accumulate",
)
MACHINE_BUSY = WarningKind(
    name="machine-busy",
    measures="share of all cores that were busy during a cell, by any process",
    opens="share of all cores that were busy: ",
    unit="share",
    limit="above 0.9",
    advice="lower rate_per_s, or use more cores",
    withholds="response times: they measure the queue for cores",
)
DISTANCE_OFF = WarningKind(
    name="distance-off",
    measures="simulated RTT: achieved (median) minus requested",
    opens="the simulated RTT was ",
    unit="ms",
    limit="a difference above 0.1 ms",
    advice="stop other programs, or run with --rtt 0",
    withholds="response times for the requested RTT",
)
NOT_STEADY = WarningKind(
    name="not-steady",
    measures="read p50 in the second half of a cell divided by that in the first half",
    unit="1",
    limit="the whole interval lies outside 1 ± 10 %",
    advice="look at both halves; use longer cells or a longer warm-up",
    withholds="one figure for the whole cell",
)
REMARK = WarningKind(
    name="remark",
    measures="remarks of the harness during the run",
    unit="",
    limit="any remark",
    advice="",
    withholds="",
)
UNFINISHED = WarningKind(
    name="unfinished",
    measures="whether the run finished",
    unit="",
    limit="any status but finished",
    advice="run again, or resume the run, for the cells that are missing",
    withholds="nothing in the finished cells",
)

CLOCK_STEPPED = WarningKind(
    name="clock-stepped",
    measures="the wall clock compared with the monotonic clock over a cell",
    unit="s",
    limit="a difference above 10 ms and above a thousandth of the cell",
    advice="wait until the clock is stable (a resumed virtual machine, a time service that steps), and run again",
    withholds="what depends on the wall clock in those cells: limiters' windows, the servers' time stamps",
)
STOPPED = WarningKind(
    name="stopped",
    measures="how long a server or a process of the suite did not respond; whether the machine slept",
    unit="s",
    limit="above 2 s",
    advice="keep the machine awake and its processes running (no suspend, no debugger, no paused container); run again",
    withholds="figures of those cells: requests waited for the stopped process",
)
CLOCKS_APART = WarningKind(
    name="clocks-apart",
    measures="whether application servers on other machines used their own clocks",
    unit="ms",
    limit="any; the uncertainty of an instant is half the shortest round trip plus the drift over a cell",
    advice="use machines with a shorter network path, or run the application servers on one machine",
    withholds=(
        "the order of events on different machines within twice that uncertainty: staleness and limiters' windows "
        "allow for it, so fewer cases are certain. Response times and counts are not affected"
    ),
)
SETTINGS_CHANGED = WarningKind(
    name="settings-changed",
    measures="the servers' settings, before and after each cell",
    unit="settings",
    limit="any",
    advice="find out what changed them; use servers that no other program configures",
    withholds="comparisons across the change",
)
OTHER_LOAD = WarningKind(
    name="other-load",
    measures="share of all cores that other programs used, or that the hypervisor took",
    opens="share of all cores: ",
    unit="share",
    limit="above 0.1 by other programs, or above 0.05 stolen",
    advice="stop other programs on the machine, or use a machine that is not shared",
    withholds="response times on an otherwise idle machine",
)
CPU_SATURATED = WarningKind(
    name="cpu-saturated",
    measures="share of one core that an application server or Redis used (each can use only one)",
    unit="share",
    limit="above 0.9",
    advice="lower rate_per_s, or use more --processes",
    withholds="response times: they measure the queue for that core",
)
RATE_MISSED = WarningKind(
    name="rate-missed",
    measures="requests per second that began in the window, compared with the requested rate",
    opens="requests began at ",
    unit="share",
    limit="below 0.95 of the requested rate, by more than chance explains",
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
    withholds="a cell's median: it is only a rough figure",
)
DRIFT = WarningKind(
    name="drift",
    measures="the drift probe (PING, SELECT 1, a Python loop) and all contenders' read p50, first and last rounds",
    unit="1",
    limit="a difference above 15 %",
    advice="wait until the machine is stable (temperature, battery, other load), and run again",
    withholds="absolute levels; comparisons are paired by round and stay valid",
)
LITTLES_LAW = WarningKind(
    name="littles-law",
    measures="requests in the system: a sampler's count compared with the recorded times; active sessions likewise",
    unit="1",
    limit="a difference above 5 % and 3 standard errors; in the database 30 %, its 99 % interval without 0",
    advice="the recorded times are wrong: look for a clock that stepped, or report it with the run folder",
    withholds="response times and rates of that row",
)

KINDS = (
    BETTER_THAN_BOUND,
    FROM_THE_FUTURE,
    TWINS_DIFFER,
    EXISTING_NOT_FOUND,
    COUNTS_DIFFER,
    UNFINISHED,
    CELLS_MISSING,
    FEW_ROUNDS,
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
"""All kinds, most severe first. Reports print them in this order."""
