"""races.json, the results of the schedule explorer: in the run folder of a bench, or alone in `runs/<utc>-races/`."""

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stampede.core.errors import RunFolderError
from stampede.core.private_files import make_folder
from stampede.core.text.redaction import hidden, masked_command
from stampede.run_folder.json_objects import read_object, typed
from stampede.run_folder.old_words import NEW_WORDS, with_current_words
from stampede.run_folder.run_json_parts import check_races
from stampede.run_folder.write import write_json

RACES_SCHEMA = 3
"""The layout of races.json. 2 has the verdicts "not judged" and "not exercised", 3 has the current words."""
READABLE = range(1, RACES_SCHEMA + 1)
KEPT, BROKEN, NOT_GUARANTEED = "kept", "broken", "not guaranteed"
NOT_JUDGED, NOT_EXERCISED = "not judged", "not exercised"
WORST_FIRST = (BROKEN, NOT_JUDGED, KEPT, NOT_EXERCISED, NOT_GUARANTEED)
"""Verdicts. The first of them that occurs in several situations stands for all of these."""
UNDISTURBED = "nothing"
"""The fault model of a situation in which only the clients act."""
RACES_FILE = "races.json"


@dataclass(frozen=True, kw_only=True)
class StepInfo:
    """One step of a schedule, and the state of the servers after it."""

    client: str
    """a, b, …; empty if the fault model acts on a key."""
    label: str
    server: str = ""
    """The server of the request, redis or postgres; empty for an action of the fault model."""
    adverse: bool = False
    """Whether it is an action of the fault model."""
    blocked: bool = False
    """Whether it waited for a row lock until another step released the lock."""
    now_s: float = 0.0
    """Virtual seconds since the schedule began."""
    database: dict[str, int] = field(default_factory=dict)
    """Record id to committed version."""
    cache: dict[str, str] = field(default_factory=dict)
    """Key to value, as short text."""


@dataclass(frozen=True, kw_only=True)
class VerdictInfo:
    """One invariant of one contender in one situation."""

    contender: str
    situation: str
    invariant: str
    verdict: str
    """kept; broken; not exercised (guaranteed, but no schedule tested it); not guaranteed (and no schedule broke it);
    not judged (a server or the explorer failed, or the contender was refused; `how` contains the reason)."""
    guaranteed: bool
    """Whether the contender guarantees the invariant under the situation's fault model."""
    schedules: int
    """How many schedules were tried."""
    complete: bool
    """Whether every schedule was tried, up to the order of steps that commute."""
    broken_in: int = 0
    """How many of the schedules break it."""
    how: str = ""
    """How it breaks, or why it was not judged."""
    preemptions: int | None = None
    """The preemptions in `shortest`."""
    shortest: list[StepInfo] = field(default_factory=list)
    """The steps of the breaking schedule with the fewest preemptions, and among these the fewest steps."""
    id: str = ""
    """The id of that schedule, for stampede races --contender … --replay ID."""


@dataclass(frozen=True, kw_only=True)
class SituationInfo:
    """One situation: its clients and its fault model."""

    name: str
    said: str
    """One line: each client's operations, the start, the fault model."""
    adversary: str
    """The text of the fault model."""


@dataclass(frozen=True, kw_only=True)
class InvariantInfo:
    """One invariant that was checked."""

    name: str
    says: str
    """What holds, in one line."""


@dataclass(frozen=True, kw_only=True)
class ExplorationInfo:
    """One contender in one situation."""

    contender: str
    situation: str
    schedules: int
    complete: bool
    replays: int
    """Schedules that were started, including those that turned out to equal an earlier one."""
    round_trips: int
    """All round trips: the clients', and the explorer's to reset and inspect the servers and to read at the end."""
    seconds: float
    """How long the exploration took."""
    bare_seconds: float = 0.0
    """How long as many round trips take in a thread that does nothing else, measured during the exploration."""
    random: int = 0
    """How many seeded random schedules were tried beyond the bound."""
    without_reduction: int | None = None
    """How many schedules there are without the reduction for steps that commute. None: not counted."""
    not_compared: bool = False
    """Whether the search without the reduction was requested but ended at the bound, so that nothing was compared."""
    disagrees: bool = False
    """Whether the searches with and without the reduction differ in the broken invariants: a bug of the explorer."""
    not_judged: str = ""
    """Why the contender could not be judged in this situation. Empty: it was judged."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast schedules were tried, over all explorations."""

    schedules_per_s: float
    trips: float
    """Round trips per schedule."""
    bare_us: float
    """The time of one round trip alone, in µs."""

    @property
    def share(self) -> float:
        """Achieved schedules per second, as a share (0 to 1) of those that the round trips alone would allow."""
        return self.schedules_per_s * self.trips * self.bare_us / 1e6


@dataclass(frozen=True, kw_only=True)
class ContenderVerdicts:
    """What was found of one contender: names of invariants. One that it does not guarantee may be in no list."""

    contender: str
    kept: list[str]
    """Guaranteed, and no schedule breaks it."""
    broken: list[str]
    """Guaranteed and broken."""
    untested: list[str]
    """Guaranteed and not judged, or not exercised by any schedule."""
    races: list[str]
    """Not guaranteed, and broken while only the clients act."""
    disturbed: list[str]
    """Not guaranteed, and broken only when something else happens: an entry expires, a client crashes."""

    @property
    def guaranteed(self) -> int:
        """The number of guarantees that the situations concern."""
        return len(self.kept) + len(self.broken) + len(self.untested)


@dataclass(frozen=True, kw_only=True)
class RacesInfo:
    """races.json."""

    started_utc: str
    command: str
    bound: int
    """The most schedules that are tried in a situation."""
    contenders: list[dict[str, Any]] = field(default_factory=list)
    """{name, summary, guarantees, file}"""
    situations: list[SituationInfo] = field(default_factory=list)
    invariants: list[InvariantInfo] = field(default_factory=list)
    explorations: list[ExplorationInfo] = field(default_factory=list)
    verdicts: list[VerdictInfo] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    """The servers."""
    skipped: dict[str, str] = field(default_factory=dict)
    """The contenders of the same run that were not explored, with the reason."""
    schema: int = RACES_SCHEMA

    def speed(self) -> Speed | None:
        """The speed, or None if no schedule was tried."""
        schedules = sum(e.replays + e.random for e in self.explorations)
        trips = sum(e.round_trips for e in self.explorations)
        seconds = sum(e.seconds for e in self.explorations)
        if not schedules or not trips or not seconds:
            return None
        bare_us = sum(e.bare_seconds for e in self.explorations) / trips * 1e6
        return Speed(schedules_per_s=schedules / seconds, trips=trips / schedules, bare_us=bare_us)

    def worst_first(self, contender: str, invariant: str) -> list[VerdictInfo]:
        """One contender's verdicts on one invariant: broken guarantees first, then what breaks without a fault."""

        def rank(v: VerdictInfo) -> tuple[object, ...]:
            undisturbed = self.adversary_in(v.situation) == UNDISTURBED
            how_bad = (WORST_FIRST.index(v.verdict), not v.guaranteed, not undisturbed)
            return (*how_bad, v.preemptions or 0, len(v.shortest), v.situation)

        return sorted((v for v in self.verdicts if (v.contender, v.invariant) == (contender, invariant)), key=rank)

    def adversary_in(self, situation: str) -> str:
        """The fault model of a situation."""
        return next((s.adversary for s in self.situations if s.name == situation), "")

    def word(self, contender: str, invariant: str) -> str:
        """A summary of one contender's verdicts on one invariant. Empty if there is none.

        BROKEN: a guarantee. broken: also without a fault. kept but: broken only under a fault model that the guarantee
        does not name. not judged: in at least one situation. kept. not exercised: in no situation. not guaranteed.
        """
        found = self.worst_first(contender, invariant)
        if not found or found[0].verdict != "broken":
            return found[0].verdict if found else ""
        if found[0].guaranteed:
            return "BROKEN"
        disturbed = all(
            self.adversary_in(v.situation) != UNDISTURBED for v in found if v.verdict in (BROKEN, NOT_JUDGED)
        )
        return "kept but" if disturbed and any(v.verdict == KEPT for v in found) else "broken"

    def of_contender(self, contender: str) -> ContenderVerdicts:
        """What was found of one contender."""
        found = ContenderVerdicts(contender=contender, kept=[], broken=[], untested=[], races=[], disturbed=[])
        by_verdict = {KEPT: found.kept, BROKEN: found.broken}
        for invariant in (i.name for i in self.invariants):
            verdicts = self.worst_first(contender, invariant)
            guaranteed = sorted((v.verdict for v in verdicts if v.guaranteed), key=WORST_FIRST.index)
            if guaranteed:
                by_verdict.get(guaranteed[0], found.untested).append(invariant)
            others = [v for v in verdicts if v.verdict == BROKEN and not v.guaranteed]
            if others and invariant not in found.broken:
                undisturbed = any(self.adversary_in(v.situation) == UNDISTURBED for v in others)
                (found.races if undisturbed else found.disturbed).append(invariant)
        return found

    def all_verdicts(self) -> list[ContenderVerdicts]:
        """What was found of each contender: broken guarantees first, then the fewest races.

        Limiters come after the patterns, because fewer invariants concern them.
        """
        concerned = Counter(v.contender for v in self.verdicts)

        def rank(c: ContenderVerdicts) -> tuple[int, ...]:
            few = int(2 * concerned[c.contender] < max(concerned.values(), default=0))
            return -len(c.broken), -len(c.untested), few, len(c.races), len(c.disturbed)

        return sorted((self.of_contender(str(c["name"])) for c in self.contenders), key=rank)

    def tried(self) -> int:
        """The number of schedules that were tried in the situations that were judged."""
        return sum(e.schedules + e.random for e in self.explorations if not e.not_judged)

    def headline(self) -> str:
        """The result in at most twelve words."""
        if not self.explorations:
            return "Nothing was explored."
        unjudged = sum(bool(e.not_judged) for e in self.explorations)
        if unjudged == len(self.explorations):
            return "No situation could be judged."
        contenders = self.all_verdicts()
        found = [(c.contender, name) for c in contenders for name in c.broken]
        if len(found) == 1:
            return f"{found[0][0]} breaks its guarantee {found[0][1]}."
        if found and len({c for c, _ in found}) == 1:
            return f"{found[0][0]} breaks {len(found)} of its guarantees."
        if found:
            return f"{len(found)} guarantees are broken, of {counted(len({c for c, _ in found}), 'contender')}."
        if unjudged:
            return f"No guarantee was broken; {unjudged} of {len(self.explorations)} situations were not judged."
        if any(c.untested for c in contenders):
            return "No guarantee was broken; some were not tested."
        return "Every guarantee was kept in every schedule tried."

    def unjudged(self) -> dict[tuple[str, str], list[str]]:
        """(contender, reason) to the situations that were not judged."""
        found: dict[tuple[str, str], list[str]] = {}
        for e in self.explorations:
            if e.not_judged:
                found.setdefault((e.contender, e.not_judged), []).append(e.situation)
        return found

    def write(self, folder: Path) -> Path:
        """Write races.json into the folder. Makes the folder if it does not exist."""
        make_folder(folder, exist_ok=True)
        path = folder / RACES_FILE
        write_json(path, asdict(self))
        return path


def counted(count: int, noun: str) -> str:
    """A number with its noun in the singular or the plural."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def read_races(folder: Path) -> RacesInfo:
    """Read what `RacesInfo.write` wrote. Raises RunFolderError if it is missing or has a wrong schema or type."""
    path = folder / RACES_FILE
    if not path.exists():
        raise RunFolderError(folder, f"no {RACES_FILE} in it", "a folder that stampede races wrote")
    data = read_object(path, "a folder that stampede races wrote")
    schema = data.get("schema")
    if type(schema) is not int or schema not in READABLE:
        raise RunFolderError(path, f"schema {schema!r:.40}", f"schema {' or '.join(map(str, READABLE))}")
    info = typed(with_current_words(data) if schema < NEW_WORDS else data, RacesInfo, path)
    check_races(info.contenders, info.metadata, path)
    return replace(info, command=masked_command(info.command), metadata=hidden(info.metadata))
