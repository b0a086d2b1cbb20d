"""The requirements of questions, and whether a contender meets them. Pure functions.

fails         the contender does not guarantee it, or one counterexample is known: a read that was certainly stale, or
              an order of steps that breaks the invariant with nothing else happening. One counterexample is enough; it
              needs no statistics
conditional   kept in every order of steps, but broken when something else happens in between (an entry expires, a
              client crashes) that the guarantee does not name. Such a contender ranks below one that keeps it even
              then, and the row names the condition
untested      guaranteed, but this run did not test it; the contender is eligible, and the row says so
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stampede.reports.statistics.estimate import Estimate
from stampede.run_folder.races_json import KEPT, NOT_EXERCISED, NOT_JUDGED, RacesInfo
from stampede.run_folder.schema import ContenderInfo


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A requirement of a question: a guarantee, the explorer's invariant for it, and a count of violations."""

    text: str
    """A statement that must hold: "an old value is gone one TTL later at the latest"."""
    guarantee: str
    invariant: str
    counter: str = ""
    """The metric that counts violations; empty: no metric counts them."""
    counted: str = ""
    """The name of the violations in a sentence."""


@dataclass(frozen=True, kw_only=True)
class RequirementStatus:
    """Whether one contender meets one requirement."""

    fails: str = ""
    """Why the contender is not eligible; empty: it is eligible."""
    untested: str = ""
    """What this run did not test; empty: it tested the requirement."""
    conditional: str = ""
    """The event under which the requirement breaks; empty: no tested event breaks it."""


UNTESTED = {
    NOT_JUDGED: "its orders of steps could not be judged",
    NOT_EXERCISED: "no order of steps that was tried exercised it",
}
"""The explorer's verdicts that leave a requirement untested, each with its text."""


def requirement_status(
    requirement: Requirement,
    contender: ContenderInfo,
    count: Estimate | None,
    races: RacesInfo | None,
    *,
    ttls: bool = True,
) -> RequirementStatus:
    """Whether a contender meets a requirement, as far as this run shows.

    `count`: the figure of the requirement's counter; None: not counted. `ttls`: whether the workload's entries expire.
    """
    if requirement.guarantee not in contender.guarantees:
        return RequirementStatus(fails="does not guarantee it")
    if count is not None and not count.missing and count.value > 0:
        return RequirementStatus(fails=f"guarantees it, but {requirement.counted} were seen")
    if races is None:
        return RequirementStatus(untested="race conditions were not tested")
    word = races.word(contender.name, requirement.invariant)
    if word in ("BROKEN", "broken"):
        return RequirementStatus(fails="guarantees it, but an order of steps breaks it")
    if word == "kept but":
        return RequirementStatus(conditional=condition(races, contender.name, requirement.invariant, ttls=ttls))
    if word == KEPT:
        return RequirementStatus()
    return RequirementStatus(untested=UNTESTED.get(word, "race conditions were not tested"))


IN_PLAIN_WORDS = {
    "an entry or a lock expires or is evicted": ("no entry expires or is evicted", "one does"),
    "a client crashes": ("no client crashes", "one does"),
    "the cache refuses or hangs": ("the cache answers", "it refuses or hangs"),
}
"""Text for each fault model of the explorer: while it does not happen, and when it happens."""
EXPIRY = "an entry or a lock expires or is evicted"


def condition(races: RacesInfo, contender: str, invariant: str, *, ttls: bool) -> str:
    """The conditions under which the invariant is kept, and those under which it is broken."""
    found = races.worst_first(contender, invariant)
    breakers = list(dict.fromkeys(races.adversary_in(v.situation) for v in found if v.verdict == "broken"))
    pairs = [IN_PLAIN_WORDS.get(name, (f"it does not happen that {name}", "it does")) for name in breakers]
    text = (
        f"kept in every order of steps as long as {' and '.join(quiet for quiet, _ in pairs)} in between; broken when "
        f"{' or when '.join(happens for _, happens in pairs)}"
    )
    return f"{text} (every entry here has a TTL)" if ttls and EXPIRY in breakers else text


def holds_everywhere(found: Sequence[RequirementStatus]) -> bool:
    """Whether orders of steps were explored, and no tested event breaks a requirement."""
    return not any(s.fails or s.conditional or s.untested for s in found)


def conditions(found: Sequence[RequirementStatus]) -> str:
    """The conditions under which requirements break, each once."""
    return "; ".join(dict.fromkeys(s.conditional for s in found if s.conditional))


def untested(found: Sequence[RequirementStatus]) -> str:
    """The untested guarantees, each once."""
    return " and ".join(dict.fromkeys(s.untested for s in found if s.untested))


STALE_AT_MOST_TTL = Requirement(
    text="an old value is gone one TTL later at the latest",
    guarantee="STALE_AT_MOST_TTL",
    invariant="stale-at-most-ttl",
)
NO_STALE_AFTER_ACKNOWLEDGEMENT = Requirement(
    text="no read returns an old value after the newer write was acknowledged",
    guarantee="NO_STALE_AFTER_WRITE",
    invariant="no-stale-after-write",
    counter="stale-after-told",
    counted="reads that were stale after acknowledgement",
)
