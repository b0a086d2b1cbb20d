"""What a run can doubt about itself: a closed list. Each doubt is printed above the numbers that it touches."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WarningKind:
    """A check that every run goes through."""

    name: str
    """A stable name, also its anchor in the report."""
    measures: str
    """What is looked at."""
    unit: str
    """Of value and limit: ms, share, rounds, cells, 1 …"""
    limit: str
    """When it is a doubt, in words."""
    advice: str
    """What the reader can do about it."""
    withholds: str
    """What must not be read out of the figures that it touches."""
    opens: str = ""
    """How the sentence begins, where each contender only adds a figure to it."""
    voids: bool = False
    """Whether the run's figures are void with it: our own bug, not the reader's circumstances."""


@dataclass(frozen=True, kw_only=True)
class RunWarning:
    """One doubt about one run."""

    kind: WarningKind
    what: str
    """The finding in one sentence, with its figures."""
    value: float | None = None
    limit: float | None = None
    """The bound that the value broke, in the kind's unit."""
    scenario: str | None = None
    """None: the whole run."""
    contenders: tuple[str, ...] = ()
    """Empty: all of them."""
    cells: tuple[int, ...] = ()
    number: int = 0
    """As printed, from 1; 0: not yet numbered."""


BETTER_THAN_BOUND = WarningKind(
    name="better-than-bound",
    measures="a contender against the bare Redis GET that it cannot beat",
    unit="1",
    limit="its whole interval lies below the ruler's by more than the noise floor",
    advice="this is a fault of the suite: please report it with the run folder",
    withholds="everything",
    voids=True,
)
FROM_THE_FUTURE = WarningKind(
    name="from-the-future",
    measures="reads that ended before the COMMIT of the version that they returned began",
    unit="reads",
    limit="any",
    advice="the books are wrong: please report it with the run folder",
    withholds="everything",
    voids=True,
)
TOO_DENSE = WarningKind(
    name="too-dense",
    measures="reads that may have been stale, for each that certainly was; only where they are over 5 % of the reads",
    unit="1",
    limit="above 3",
    advice="more keys (active_records), or a lower rate: reads and commits of one key then overlap less",
    withholds="the share of stale reads as more than a lower bound",
)
EXISTING_NOT_FOUND = WarningKind(
    name="existing-not-found",
    measures="answered reads that returned no record, though the record exists",
    unit="share",
    limit="any",
    advice="correct the contender: a lock that is lost, or a key that is missing, is no absent record",
    withholds="every recommendation of this contender in that scenario, and its response times as those of answers",
)
COUNTS_DIFFER = WarningKind(
    name="counts-differ",
    measures="our own counts against Locust's, Redis' commandstats and pg_stat_statements",
    unit="1",
    limit="any difference",
    advice="look for another client of the same servers; if there is none, report it with the run folder",
    withholds="loads, commands and database time of the cells that it touches",
)
TWINS_DIFFER = WarningKind(
    name="twins-differ",
    measures="two copies of one contender under different names (A/A)",
    unit="1",
    limit="they differ at the 5 % level, Holm over the A/A rows of a scenario",
    advice="run on a quieter machine, or with more rounds",
    withholds="every better and worse of that scenario",
)
GENERATOR_LATE = WarningKind(
    name="generator-late",
    measures="p99 of start − max(due, thread free): our own lateness",
    unit="ms",
    limit="above 1 ms and above 10 % of the response time's p99",
    opens="we were late at p99 by ",
    advice="lower rate_per_s, free the machine, or spread the load over more machines",
    withholds="response times near or below that lateness",
)
SATURATED = WarningKind(
    name="saturated",
    measures="share of the due requests that ended by the deadline D",
    unit="share",
    limit="below 1",
    advice="lower rate_per_s to what every contender can carry, or give more users_per_process",
    withholds="comparisons of response times with this contender; its percentiles may read > D",
)
ERRORS = WarningKind(
    name="errors",
    measures="requests that ended in an exception",
    unit="requests",
    limit="any",
    advice="look at the error classes below; the failed requests are in no response time",
    withholds="response times of what failed",
)
FEW_ROUNDS = WarningKind(
    name="few-rounds",
    measures="complete rounds",
    unit="rounds",
    limit="below 6",
    advice="make bench (plan quick: eight rounds)",
    withholds="every better, worse and same: ranges of what was seen stand instead of intervals",
)
CELLS_MISSING = WarningKind(
    name="cells-missing",
    measures="planned cells that failed or never ran",
    unit="cells",
    limit="any",
    advice="run again; what was finished stands",
    withholds="pairs of the rounds that lack a cell",
)
DATABASE_BUSY = WarningKind(
    name="database-busy",
    measures="share of all cores that the database used during a cell",
    opens="share of all cores that the database used, at most: ",
    unit="share",
    limit="above a half",
    advice="lower load_cpu_ms or rate_per_s, or put the database on a machine of its own",
    withholds="1 + rate × load time as an expectation: loads now queue for cores and pile up",
)
MACHINE_BUSY = WarningKind(
    name="machine-busy",
    measures="share of all cores that were busy during a cell, by whomever",
    opens="share of all cores that were busy: ",
    unit="share",
    limit="above 0.9",
    advice="lower rate_per_s, or use more cores",
    withholds="response times: they measure the queue for cores",
)
DISTANCE_OFF = WarningKind(
    name="distance-off",
    measures="simulated distance a round trip, achieved (median) less asked",
    opens="the simulated distance a round trip was ",
    unit="ms",
    limit="more than 0.1 ms apart",
    advice="free the machine; or run with --rtt 0",
    withholds="response times as those of the distance asked for",
)
NOT_STEADY = WarningKind(
    name="not-steady",
    measures="read p50 in the second half of a cell over that in the first",
    unit="1",
    limit="its interval lies wholly outside 1 ± 10 %",
    advice="look at both halves; give longer cells or a longer warm-up",
    withholds="one figure for the whole cell",
)
REMARK = WarningKind(
    name="remark",
    measures="what the harness had to say while it ran",
    unit="",
    limit="any remark",
    advice="",
    withholds="",
)
UNFINISHED = WarningKind(
    name="unfinished",
    measures="whether the run came to its end",
    unit="",
    limit="anything but finished",
    advice="run again for all that was planned",
    withholds="nothing of the cells that were finished",
)

CLOCK_STEPPED = WarningKind(
    name="clock-stepped",
    measures="the wall clock against the monotonic one, over a cell",
    unit="s",
    limit="more than 10 ms and a thousandth of the cell apart",
    advice="let the clock settle (a virtual machine that was resumed, a time service that steps), and run again",
    withholds="what goes by the wall clock in those cells: limiters' windows, servers' own time stamps",
)
STOPPED = WarningKind(
    name="stopped",
    measures="how long a server or a process of ours gave no sign of life; whether the machine slept",
    unit="s",
    limit="above 2 s",
    advice="keep the machine awake and its processes running (no suspend, no debugger, no paused container); run again",
    withholds="figures of those cells: requests waited for what stood still",
)
CLOCKS_APART = WarningKind(
    name="clocks-apart",
    measures="whether application servers on other machines were timed by clocks of their own",
    unit="ms",
    limit="any: how wrong an instant of theirs can be, half the shortest round trip and the drift over a cell",
    advice="bring the machines nearer to each other, or run the application servers on one",
    withholds=(
        "the order of what happened on different machines within twice that: staleness and limiters' windows are given "
        "that room, so less of them is certain. Response times and counts are untouched"
    ),
)
SETTINGS_CHANGED = WarningKind(
    name="settings-changed",
    measures="the servers' settings, before and after each cell",
    unit="settings",
    limit="any",
    advice="find who changed them; run on servers that nobody else configures",
    withholds="comparisons across the change",
)
OTHER_LOAD = WarningKind(
    name="other-load",
    measures="share of all cores that neither we nor the servers used, and that the hypervisor took",
    opens="share of all cores: ",
    unit="share",
    limit="above 0.1 by others, or 0.05 stolen",
    advice="stop what else runs on the machine, or use one that is not shared",
    withholds="response times as those of an otherwise idle machine",
)
CPU_SATURATED = WarningKind(
    name="cpu-saturated",
    measures="share of its one core that an application server or Redis used",
    unit="share",
    limit="above 0.9",
    advice="lower rate_per_s, or give more --processes",
    withholds="response times: they measure the queue for that core",
)
RATE_MISSED = WarningKind(
    name="rate-missed",
    measures="requests a second that began in the window, against those asked for",
    opens="requests began at ",
    unit="share",
    limit="below 0.95 of those asked for, beyond the luck of the draw",
    advice="lower rate_per_s, or give more users_per_process or --processes",
    withholds="figures as those of the rate asked for",
)
FEW_SAMPLES = WarningKind(
    name="few-samples",
    measures="answered reads in a cell",
    opens="answered reads: ",
    unit="reads",
    limit="below 20: ten on each side of a median",
    advice="raise rate_per_s, or give longer cells",
    withholds="a cell's median as more than a rough figure",
)
DRIFT = WarningKind(
    name="drift",
    measures="the canary (PING, SELECT 1, a fixed Python loop) and all contenders' read p50, first rounds against last",
    unit="1",
    limit="more than 15 % apart",
    advice="wait until the machine has settled (temperature, battery, neighbours), and run again",
    withholds="levels; comparisons are paired by round and stand",
)
LITTLES_LAW = WarningKind(
    name="littles-law",
    measures="requests in the system as counted by an observer, against the recorded times; sessions active likewise",
    unit="1",
    limit="more than 5 % and 3 standard errors apart; in the database 30 %, its 99 % interval without 0",
    advice="the record is not what happened: look for a clock that stepped, or report it with the run folder",
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
"""All there are, gravest first: also the order in which they are printed."""
