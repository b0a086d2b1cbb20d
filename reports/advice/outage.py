"""Advice for those whose users must be served while Redis is dead or hangs."""

from typing import Any

import numpy as np

from reports import words
from reports.advice.situations import SERVED_SHARE, SURVIVES
from reports.decision import outages_of
from reports.judge import Judgement
from reports.outage.outage import Outage, share_served
from reports.statistics import MIN_ROUNDS


def survival(judgement: Judgement) -> dict[str, Any]:
    """The fields of an Advice; empty where the run provoked no outage."""
    through = outages_of(judgement)
    if not through:
        return {}
    scenarios = list(dict.fromkeys(one.cells[0].scenario.name for some in through.values() for one in some))
    rounds = min(len(one.served()) for some in through.values() for one in some)
    alive = [name for name, some in through.items() if survives(some, scenarios)]
    others = {name: worst(some) for name, some in through.items() if name not in alive}
    common = {
        "anchor": "advice-redis-dies",
        "says": SURVIVES,
        "workload": f"{words.listed(scenarios)}, {rounds} round{'' if rounds == 1 else 's'}",
        "scenario": scenarios[0],
        "out": "Other contenders did not go through an outage: nothing is known of them here",
    }
    if not alive:
        served = words.listed([f"{name} {100 * share:.0f} %" for name, share in others.items()])
        return common | {
            "taken": None,
            "sure": False,
            "take": f"No answer: nobody served {100 * SERVED_SHARE:g} % ({served}).",
        }
    taken = min(alive, key=lambda name: meanwhile(through[name]))
    few = rounds < MIN_ROUNDS
    before = float(np.mean([one.loads_per_s("before") for one in through[taken]]))
    told = [f"{name} {100 * share:.0f} %" for name, share in others.items()]
    because = f"It served {100 * worst(through[taken]):.1f} % of the requests due in its worst round of an outage"
    return common | {
        "taken": taken,
        "sure": not few,
        "take": f"As seen {taken}; no verdict" if few else f"Take {taken}",
        "because": f"{because}{f', against {words.listed(told)}' if told else ''}."
        + (f" That is fewer than {MIN_ROUNDS} rounds." if few else ""),
        "costs": f"{words.number(meanwhile(through[taken]))} loads/s meanwhile, where it had {words.number(before)}: "
        "the database must carry them.",
        "next": f"{max(others, key=others.__getitem__)}, {100 * max(others.values()):.0f} %." if others else "",
        "changes": (
            "If the database cannot carry those loads, nobody survives; and if less than "
            f"{100 * SERVED_SHARE:g} % served is enough, ask for the fewest loads instead."
        ),
    }


def survives(some: list[Outage], scenarios: list[str]) -> bool:
    """Whether it went through every outage, and served enough in every round of each."""
    return {one.cells[0].scenario.name for one in some} == set(scenarios) and worst(some) >= SERVED_SHARE


def worst(some: list[Outage]) -> float:
    """The least share served in any round of any outage."""
    return min(share for one in some for share in (one.served() or [share_served(one)]))


def meanwhile(some: list[Outage]) -> float:
    """Loads a second in the outage that asked for most."""
    return max(one.loads_per_s("outage") for one in some)
