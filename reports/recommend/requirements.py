"""What a use case requires, and whether a contender meets it. Pure functions.

fails         the contender does not promise it, or one counterexample is known: a read that was certainly stale, or
              an order of steps that breaks the invariant with nothing else happening. One is enough; it needs no
              statistics
conditional   kept in every order of steps, but broken when something else happens in between (an entry expires, a
              client dies) that its promise does not name. Such a contender ranks below one that keeps it even then, and
              the advice names the condition
untested      promised, and this run did not test it; the contender is eligible, and the advice says so
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.races_json import KEPT, NOT_EXERCISED, NOT_JUDGED, RacesInfo
from stampede.run_folder.schema import ContenderInfo


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """Something that must hold: a promise, an invariant of the explorer, and a count of its violations."""

    says: str
    """Completes "… must": "be gone a TTL later"."""
    guarantee: str
    invariant: str
    counter: str = ""
    """The metric that counts violations; empty: none does."""
    counted: str = ""
    """What it counts."""


@dataclass(frozen=True, kw_only=True)
class RequirementStatus:
    """Whether one contender meets one requirement."""

    fails: str = ""
    """Why it is not eligible; empty: it is."""
    untested: str = ""
    """What this run did not test; empty: it tested it."""
    conditional: str = ""
    """The event under which the requirement breaks; empty: no tested event breaks it."""


UNTESTED = {
    NOT_JUDGED: "its orders of steps could not be judged",
    NOT_EXERCISED: "no order of steps that was tried put it to the test",
}
"""The explorer's words that answer nothing, each with the words of the advice."""


def requirement_status(
    requirement: Requirement,
    contender: ContenderInfo,
    count: Estimate | None,
    races: RacesInfo | None,
    *,
    ttls: bool = True,
) -> RequirementStatus:
    """Whether a contender meets a requirement, as far as it is known.

    `count`: the figure of its counter; None: not counted. `ttls`: whether the workload's entries expire.
    """
    if requirement.guarantee not in contender.guarantees:
        return RequirementStatus(fails="does not promise it")
    if count is not None and not count.missing and count.value > 0:
        return RequirementStatus(fails=f"promises it, yet {requirement.counted} were seen")
    if races is None:
        return RequirementStatus(untested="orders of steps were not explored")
    word = races.word(contender.name, requirement.invariant)
    if word in ("BROKEN", "broken"):
        return RequirementStatus(fails="promises it, yet an order of steps breaks it")
    if word == "kept but":
        return RequirementStatus(conditional=condition(races, contender.name, requirement.invariant, ttls=ttls))
    if word == KEPT:
        return RequirementStatus()
    return RequirementStatus(untested=UNTESTED.get(word, "its orders of steps were not explored"))


IN_PLAIN_WORDS = {
    "an entry or a lock expires or is evicted": ("no entry expires or is evicted", "one does"),
    "a client crashes": ("no client crashes", "one does"),
    "the cache refuses or hangs": ("the cache answers", "it refuses or hangs"),
}
"""What the explorer's fault models do: while it does not happen, and when it does."""
EXPIRY = "an entry or a lock expires or is evicted"


def condition(races: RacesInfo, contender: str, invariant: str, *, ttls: bool) -> str:
    """Under which conditions the invariant is kept, and under which it is broken."""
    found = races.worst_first(contender, invariant)
    breakers = list(dict.fromkeys(races.adversary_in(v.situation) for v in found if v.verdict == "broken"))
    pairs = [IN_PLAIN_WORDS.get(name, (f"it does not happen that {name}", "it does")) for name in breakers]
    text = (
        f"kept in every order of steps as long as {' and '.join(quiet for quiet, _ in pairs)} in between; broken when "
        f"{' or when '.join(happens for _, happens in pairs)}"
    )
    return f"{text} (every entry here has a TTL)" if ttls and EXPIRY in breakers else text


def holds_everywhere(found: Sequence[RequirementStatus]) -> bool:
    """Whether orders of steps were explored, and nothing that was tried breaks a requirement."""
    return not any(s.fails or s.conditional or s.untested for s in found)


def conditions(found: Sequence[RequirementStatus]) -> str:
    """The conditions under which requirements break, each once."""
    return "; ".join(dict.fromkeys(s.conditional for s in found if s.conditional))


def untested(found: Sequence[RequirementStatus]) -> str:
    """What was not tested, each once."""
    return " and ".join(dict.fromkeys(s.untested for s in found if s.untested))


STALE_AT_MOST_TTL = Requirement(
    says="an old value is gone one TTL later at the latest",
    guarantee="STALE_AT_MOST_TTL",
    invariant="stale-at-most-ttl",
)
NO_STALE_AFTER_TOLD = Requirement(
    says="nobody reads an old value once its writer was told",
    guarantee="NO_STALE_AFTER_WRITE",
    invariant="no-stale-after-write",
    counter="stale-after-told",
    counted="stale reads after told",
)
