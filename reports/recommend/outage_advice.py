"""The advice card for outages: which contender serves users while Redis is down or hangs."""

from collections.abc import Mapping
from typing import Any

from stampede.reports.output import formatting
from stampede.reports.recommend.use_cases import SERVED_SHARE, SURVIVES
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.topics.faults.outage_effects import OutageEffects, percent_served, share_served, worst_of

OutagesByContender = Mapping[str, list[OutageEffects]]


def survival(through: OutagesByContender) -> dict[str, Any]:
    """The fields of an AdviceCard; empty if the run has no outage."""
    if not through:
        return {}
    scenarios = list(dict.fromkeys(one.cells[0].scenario.name for some in through.values() for one in some))
    rounds = min(len(one.served()) for some in through.values() for one in some)
    alive = [name for name, some in through.items() if survives(some, scenarios)]
    others = {name: some for name, some in through.items() if name not in alive}
    common = {
        "anchor": "advice-redis-dies",
        "text": SURVIVES,
        "workload": f"{formatting.listed(scenarios)}, {rounds} round{'' if rounds == 1 else 's'}",
        "scenario": scenarios[0],
        "out": "other contenders did not run in an outage, so this run has no result for them",
    }
    if not alive:
        listed = "; ".join(f"{name} {served_text(some)}" for name, some in others.items())
        return common | {
            "taken": None,
            "sure": False,
            "take": f"No answer: no contender served {100 * SERVED_SHARE:g} % in every round ({listed}).",
        }
    taken = min(alive, key=lambda name: outage_loads_per_s(through[name]))
    few = rounds < MIN_ROUNDS
    most = most_loads(through[taken])
    against = "; ".join(f"{name} {served_text(some)}" for name, some in others.items())
    return common | {
        "taken": taken,
        "sure": not few,
        "take": f"As seen: {taken}; no verdict" if few else f"Take {taken}",
        "because": f"Of the requests due in the outage it served {served_text(through[taken])}, all rounds together"
        + (f"; {against}." if against else ".")
        + (f" Fewer than {MIN_ROUNDS} rounds ran." if few else ""),
        "costs": f"{formatting.number(most.loads_per_s('outage'))} loads/s in the outage of {name_of(most)}, against "
        f"{formatting.number(most.loads_per_s('before'))} before it: the database must carry them.",
        "next": next_in_outages(others),
        "changes": (
            "If the database cannot carry those loads, no contender survives. If a served share below "
            f"{100 * SERVED_SHARE:g} % is enough, choose by the fewest loads instead."
        ),
    }


def survives(some: list[OutageEffects], scenarios: list[str]) -> bool:
    """Whether the contender ran in every outage and served enough requests in every round of each."""
    least = min(share for one in some for share in (one.served() or [share_served(one)]))
    return {name_of(one) for one in some} == set(scenarios) and least >= SERVED_SHARE


def name_of(outage: OutageEffects) -> str:
    """The scenario of an outage."""
    return outage.cells[0].scenario.name


def served_text(some: list[OutageEffects]) -> str:
    """The served share of each outage: "18.8 % in redis-killed and 20.1 % in redis-hung"."""
    return formatting.listed([f"{percent_served(share_served(one))} in {name_of(one)}" for one in some])


def next_in_outages(others: dict[str, list[OutageEffects]]) -> str:
    """The contender that served most in its worst outage, among those that did not survive."""
    if not others:
        return ""
    name = max(others, key=lambda each: worst_of(others[each])[0])
    return f"{name}, {served_text(others[name])}."


def most_loads(some: list[OutageEffects]) -> OutageEffects:
    """The outage with the most loads per second."""
    return max(some, key=lambda one: one.loads_per_s("outage"))


def outage_loads_per_s(some: list[OutageEffects]) -> float:
    """The loads per second in the outage that has the most."""
    return most_loads(some).loads_per_s("outage")
