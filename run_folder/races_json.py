"""races.json: what the schedule explorer found. In a run folder of its own, `runs/<utc>-races/`, or in a bench's."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stampede.core.errors import RunFolderError
from stampede.core.private_files import make_folder
from stampede.core.text.redaction import hidden, masked_command
from stampede.run_folder.json_objects import read_object, typed
from stampede.run_folder.old_words import NEW_WORDS, with_todays_words
from stampede.run_folder.run_json_parts import check_races
from stampede.run_folder.write import write_json

RACES_SCHEMA = 3
"""The layout of races.json. 2 has the verdicts "not judged" and "not exercised", 3 has today's words."""
READABLE = range(1, RACES_SCHEMA + 1)
KEPT, BROKEN, NOT_GUARANTEED = "kept", "broken", "not guaranteed"
NOT_JUDGED, NOT_EXERCISED = "not judged", "not exercised"
WORST_FIRST = (BROKEN, NOT_JUDGED, KEPT, NOT_EXERCISED, NOT_GUARANTEED)
"""Verdicts, in the order in which one stands for several situations."""
UNDISTURBED = "nothing"
"""The adversary of a situation in which nothing happens besides its clients."""
RACES_FILE = "races.json"


@dataclass(frozen=True, kw_only=True)
class StepInfo:
    """One step of a schedule, and the servers' state behind it."""

    client: str
    """a, b, …; empty where the adversary acts on a key."""
    label: str
    server: str = ""
    """redis or postgres: whom it asks; empty for what the adversary does."""
    adverse: bool = False
    blocked: bool = False
    """It waited for a row lock until another step released it."""
    now_s: float = 0.0
    """Virtual seconds since the schedule began."""
    database: dict[str, int] = field(default_factory=dict)
    """Record to version, as committed."""
    cache: dict[str, str] = field(default_factory=dict)
    """Key to what it holds, as short text."""


@dataclass(frozen=True, kw_only=True)
class VerdictInfo:
    """One invariant of one contender in one situation."""

    contender: str
    situation: str
    invariant: str
    verdict: str
    """kept; broken; not exercised (promised, and no schedule put it to the test); not guaranteed (and nothing was found);
    not judged (a server or the explorer failed, or the contender was refused: `how` says why)."""
    guaranteed: bool
    schedules: int
    """So many were tried."""
    complete: bool
    """Every schedule, up to the order of steps that commute; else only so many."""
    broken_in: int = 0
    """How many of them break it."""
    how: str = ""
    """How it breaks, or why it was not judged."""
    preemptions: int | None = None
    shortest: list[StepInfo] = field(default_factory=list)
    """The steps of the schedule with the fewest preemptions, and of those the fewest steps."""
    id: str = ""
    """Names that schedule: stampede races --contender … --replay ID."""


@dataclass(frozen=True, kw_only=True)
class SituationInfo:
    name: str
    said: str
    adversary: str


@dataclass(frozen=True, kw_only=True)
class InvariantInfo:
    name: str
    says: str


@dataclass(frozen=True, kw_only=True)
class ExplorationInfo:
    """One contender in one situation."""

    contender: str
    situation: str
    schedules: int
    complete: bool
    replays: int
    """Schedules that were begun, those included that turned out to be equal to an earlier one."""
    round_trips: int
    """All that were made for it: the clients', and the explorer's own to reset, to look and to read at rest."""
    seconds: float
    bare_seconds: float = 0.0
    """What so many round trips take in one thread that does nothing else, measured among them."""
    random: int = 0
    """So many seeded random schedules were tried beyond the bound."""
    without_reduction: int | None = None
    """So many schedules there are when steps that commute are not told apart; None: not counted."""
    not_compared: bool = False
    """The search without the reduction was asked for, and ended at the bound: the two were not compared."""
    disagrees: bool = False
    """With and without the reduction other invariants are broken: a fault of ours."""
    not_judged: str = ""
    """Why this situation says nothing about the contender; empty: it was judged."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast schedules were tried, in all."""

    schedules_per_s: float
    trips: float
    """Round trips a schedule."""
    bare_us: float
    """One round trip by itself."""

    @property
    def share(self) -> float:
        """Of the schedules per second that the round trips alone would allow; 0 to 1."""
        return self.schedules_per_s * self.trips * self.bare_us / 1e6


@dataclass(frozen=True, kw_only=True)
class RacesInfo:
    """races.json."""

    started_utc: str
    command: str
    bound: int
    """A situation with more schedules than that is not tried whole."""
    contenders: list[dict[str, Any]] = field(default_factory=list)
    """{name, summary, promises, file}"""
    situations: list[SituationInfo] = field(default_factory=list)
    invariants: list[InvariantInfo] = field(default_factory=list)
    explorations: list[ExplorationInfo] = field(default_factory=list)
    verdicts: list[VerdictInfo] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    """The servers."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Who ran in the same run and was not explored, and why."""
    schema: int = RACES_SCHEMA

    def speed(self) -> Speed | None:
        """None where nothing was tried."""
        schedules = sum(e.replays + e.random for e in self.explorations)
        trips = sum(e.round_trips for e in self.explorations)
        seconds = sum(e.seconds for e in self.explorations)
        if not schedules or not trips or not seconds:
            return None
        bare_us = sum(e.bare_seconds for e in self.explorations) / trips * 1e6
        return Speed(schedules_per_s=schedules / seconds, trips=trips / schedules, bare_us=bare_us)

    def worst_first(self, contender: str, invariant: str) -> list[VerdictInfo]:
        """One contender's verdicts on one invariant: broken promises first, then what breaks without an adversary."""

        def rank(v: VerdictInfo) -> tuple[object, ...]:
            undisturbed = self.adversary_in(v.situation) == UNDISTURBED
            how_bad = (WORST_FIRST.index(v.verdict), not v.guaranteed, not undisturbed)
            return (*how_bad, v.preemptions or 0, len(v.shortest), v.situation)

        return sorted((v for v in self.verdicts if (v.contender, v.invariant) == (contender, invariant)), key=rank)

    def adversary_in(self, situation: str) -> str:
        """What may happen in a situation besides its clients."""
        return next((s.adversary for s in self.situations if s.name == situation), "")

    def word(self, contender: str, invariant: str) -> str:
        """The sum of one contender's verdicts on one invariant; empty where there is none.

        BROKEN (a promise), broken (without an adversary too), kept but (broken only under an adversary that no promise
        names), not judged (in at least one situation), kept, not exercised (in any), not guaranteed.
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

    def unjudged(self) -> dict[tuple[str, str], list[str]]:
        """(contender, why) to the situations that were not judged."""
        found: dict[tuple[str, str], list[str]] = {}
        for e in self.explorations:
            if e.not_judged:
                found.setdefault((e.contender, e.not_judged), []).append(e.situation)
        return found

    def write(self, folder: Path) -> Path:
        """Write races.json into the folder, which is made where it is not there."""
        make_folder(folder, exist_ok=True)
        path = folder / RACES_FILE
        write_json(path, asdict(self))
        return path


def read_races(folder: Path) -> RacesInfo:
    """What `RacesInfo.write` wrote. Raises RunFolderError where there is none, of another schema, or of other types."""
    path = folder / RACES_FILE
    if not path.exists():
        raise RunFolderError(folder, f"no {RACES_FILE} in it", "a folder that stampede races wrote")
    data = read_object(path, "a folder that stampede races wrote")
    schema = data.get("schema")
    if type(schema) is not int or schema not in READABLE:
        raise RunFolderError(path, f"schema {schema!r:.40}", f"schema {' or '.join(map(str, READABLE))}")
    info = typed(with_todays_words(data) if schema < NEW_WORDS else data, RacesInfo, path)
    check_races(info.contenders, info.metadata, path)
    return replace(info, command=masked_command(info.command), metadata=hidden(info.metadata))
