"""What a situation cannot do without, and whether a contender has it. Pure.

a need is failed    by a contender that does not promise it, or of which one counterexample is known: a stale read
                    that was certainly stale, an order of steps that breaks the invariant with nothing else happening.
                    One is enough; it needs no statistics
reserved            kept in every order of steps, but broken when something else happens in between (an entry expires,
                    a client dies) that its promise does not name: it may be taken behind who keeps it even then, and
                    the advice says so
untried             where it is promised and this run did not look; it may be taken, and the advice says so
"""

from collections.abc import Sequence
from dataclasses import dataclass

from artefact.races import KEPT, NOT_EXERCISED, NOT_JUDGED, RacesInfo
from artefact.schema import ContenderInfo
from reports.statistics.estimate import Estimate


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
    reserved: str = ""
    """Under what it is broken all the same, in words; empty: under nothing that was tried."""


UNTRIED = {
    NOT_JUDGED: "its orders of steps could not be judged",
    NOT_EXERCISED: "no order of steps that was tried put it to the test",
}
"""The explorer's words that answer nothing, each with what is said of it."""


def standing(
    need: Need, contender: ContenderInfo, count: Estimate | None, races: RacesInfo | None, *, ttls: bool = True
) -> Standing:
    """Whether a contender meets a need, as far as it is known. `count`: its counter's figure; None: not counted.
    `ttls`: whether the workload's entries expire."""
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
        return Standing(reserved=reservation(races, contender.name, need.invariant, ttls=ttls))
    return Standing() if word == KEPT else Standing(untried=UNTRIED.get(word, "its orders of steps were not explored"))


IN_PLAIN_WORDS = {
    "an entry or a lock expires or is evicted": ("no entry expires or is evicted", "one does"),
    "a client dies": ("no client dies", "one does"),
    "the cache refuses or hangs": ("the cache answers", "it refuses or hangs"),
}
"""What the explorer's adversaries do: while it does not happen, and when it does."""
EXPIRY = "an entry or a lock expires or is evicted"


def reservation(races: RacesInfo, contender: str, invariant: str, *, ttls: bool) -> str:
    """Under which conditions it is kept, and under which it is broken."""
    found = races.worst_first(contender, invariant)
    breakers = list(dict.fromkeys(races.adversary_in(v.situation) for v in found if v.verdict == "broken"))
    pairs = [IN_PLAIN_WORDS.get(name, (f"it does not happen that {name}", "it does")) for name in breakers]
    told = (
        f"kept in every order of steps as long as {' and '.join(quiet for quiet, _ in pairs)} in between; broken when "
        f"{' or when '.join(happens for _, happens in pairs)}"
    )
    return f"{told} (every entry here has a TTL)" if ttls and EXPIRY in breakers else told


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
