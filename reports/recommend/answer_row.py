"""One row of the answer: a question of an engineer, what to use, the measured effect, the price, and how sure it is."""

from dataclasses import dataclass, replace
from typing import Literal

Certainty = Literal["high", "tied", "low"]
"""How sure a row is.

high  at least HIGH_SHARE of the resamples give the same pick, and no other contender can be better by more than the
      minimum effect
tied  the same pick, but the intervals leave open that another contender is better by more than the minimum effect: use
      the simple one
low   fewer resamples give the same pick, or there were too few rounds to resample
"""
HIGH_SHARE = 0.95


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A measured difference between the pick and what it is compared with, paired by round."""

    text: str
    """For the table, with unit and interval: "25 % fewer queries than cache-aside (20 – 30)"."""
    against: str
    """The contender that it is compared with."""
    change: float
    """The pick's figure over the other's, minus 1: -0.25 is 25 % less. nan: no ratio."""
    low: float
    """Lower bound of the change. nan: no interval."""
    high: float
    better: Literal["lower", "higher"] = "lower"
    """The good direction of the metric."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """One cost of the pick, compared with the simplest contender of the row."""

    text: str
    """For example "+0.8 ms per hit (0.7 – 0.9)", or "miss latency: not estimated"."""
    kind: Literal["measured", "none", "not estimated", "stated"]
    """none: measured, and within the minimum effect. stated: follows from the contender's design, not measured."""
    brief: str = ""
    """A shorter text for the table of answers and the terminal. Empty: `text` is short."""

    @property
    def short(self) -> str:
        """The shortest text."""
        return self.brief or self.text


@dataclass(frozen=True, kw_only=True)
class AnswerRow:
    """A question and its answer. The page, the console and the JSON summary print the same rows."""

    name: str
    """Stable name of the question, for anchors and scripts: "read-mostly", "fewer-queries" …"""
    question: str
    """In a few words: "Read-mostly pages"."""
    section: str = ""
    """The anchor of the page's section with the evidence, without "#"."""
    scenario: str = ""
    """The scenario that measures it; empty: none."""
    use: str = ""
    """What to use, as printed. Empty: no answer; `why` says the reason."""
    pick: str = ""
    """The contender that the rule picks. It differs from `use` if that says "nothing" (more than the simplest)."""
    why: str = ""
    """Why there is no answer."""
    effect: Effect | None = None
    prices: tuple[Price, ...] = ()
    """What it costs, most important first. Never empty if there is an answer."""
    mechanism: str = ""
    """Why it costs that, in one phrase."""
    certainty: Certainty | None = None
    """None: no answer."""
    share: float | None = None
    """The share of bootstrap resamples of the rounds with the same pick, 0 to 1. None: there were too few rounds, or
    the answer does not depend on rounds."""
    basis: str = ""
    """What the certainty is based on, if it is not resampled rounds: "4,223 decisions"."""
    tied: tuple[str, ...] = ()
    """Contenders that are not better by more than the minimum effect and not worse either."""
    alternative: str = ""
    """The best significant alternative: what it buys and what it costs, paired. Empty: none."""
    reservations: tuple[str, ...] = ()
    """Conditions: a guarantee that this run did not test, or that breaks under an event."""
    excluded: tuple[tuple[str, str], ...] = ()
    """Contenders that are not eligible, each with the reason."""
    copies: tuple[tuple[str, str], ...] = ()
    """Contenders that do the same as another one without writes, each with that one; not ranked."""
    minimum: float | None = None
    """The smallest change that counts, as a share: the larger of 10 % and the difference between the A/A copies."""
    noise_decides: bool = False
    """Whether the difference between the A/A copies, not the contenders, decides the pick."""
    metric: str = ""
    """The name of the metric that decides; empty: the question has a rule of its own."""
    command: str = ""
    """If nothing was measured: the command that measures it."""
    minutes: float | None = None
    """About how long that command takes."""


PLAN_MINUTES = {"quick": 8.0, "standard": 30.0}
"""About how long a plan takes on two idle cores."""


def left_to(plan: str, row: AnswerRow) -> AnswerRow:
    """The row of a question that this run did not measure: the command of the smallest plan that does, and its time."""
    command = "make bench" if plan == "quick" else f"make bench PLAN={plan}"
    return replace(row, why="not measured in this run", command=command, minutes=PLAN_MINUTES[plan])
