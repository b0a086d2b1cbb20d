"""What a situation cannot do without, and whether a contender has it. Pure.

a need is failed    by a contender that does not promise it, or of which one counterexample is known: a stale read
                    that was certainly stale, an order of steps that breaks the invariant. One is enough; it needs
                    no statistics
untried             where it is promised and this run did not look; it may be taken, and the advice says so
"""

from collections.abc import Sequence
from dataclasses import dataclass

from artefact.races import RacesInfo
from artefact.schema import ContenderInfo
from reports.statistics import Estimate


@dataclass(frozen=True, kw_only=True)
class Need:
    """Something that must hold, as a promise, an invariant of the explorer, and a count of what broke it."""

    says: str
    """Completes "… must": "be gone a TTL later"."""
    promise: str
    invariant: str
    counter: str = ""
    """The metric that counts what breaks it; empty: none does."""
    counted: str = ""
    """What it counts."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one contender stands to one need."""

    fails: str = ""
    """Why it is out; empty: it is not."""
    untried: str = ""
    """What this run did not look at; empty: it looked."""


def standing(need: Need, contender: ContenderInfo, count: Estimate | None, races: RacesInfo | None) -> Standing:
    """Whether a contender meets a need, as far as it is known. `count`: its counter's figure; None: not counted."""
    if need.promise not in contender.promises:
        return Standing(fails="does not promise it")
    if count is not None and not count.missing and count.value > 0:
        return Standing(fails=f"promises it, yet {need.counted} were seen")
    if races is None:
        return Standing(untried="orders of steps were not explored")
    word = races.word(contender.name, need.invariant)
    if word in ("BROKEN", "broken"):
        return Standing(fails="promises it, yet an order of steps breaks it")
    if word == "kept but":
        return Standing(untried="kept, but broken by what its promise does not name")
    return Standing() if word == "kept" else Standing(untried="its orders of steps were not explored")


def untried(found: Sequence[Standing]) -> str:
    """What was not looked at, each once."""
    return " and ".join(dict.fromkeys(s.untried for s in found if s.untried))


STALE_AT_MOST_TTL = Need(
    says="an old value is gone one TTL later at the latest",
    promise="STALE_AT_MOST_TTL",
    invariant="stale-at-most-ttl",
)
NO_STALE_AFTER_TOLD = Need(
    says="nobody reads an old value once its writer was told",
    promise="NO_STALE_AFTER_WRITE",
    invariant="no-stale-after-write",
    counter="stale-after-told",
    counted="stale reads after told",
)
