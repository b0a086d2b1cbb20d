"""Report section on eviction: hit rate by policy and key sequence, compared with allkeys-lru."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stampede.reports.output import formatting
from stampede.reports.output.charts import (
    COLORS,
    GRID,
    INK,
    MUTED,
    NARROW,
    Chart,
    drawn_twice,
    new_figure,
    style_axes,
)
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.estimate import MIN_ROUNDS, Estimate, quantile
from stampede.reports.topics.experiments.eviction_results import (
    FEW_TICKS,
    LEAST_POINTS,
    LEAST_SHARE,
    LRU_TICK_S,
    REFUSING,
    USUAL,
    PolicyResult,
    blind_lru,
    by_sequence,
    eviction_results,
)
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "eviction"
STEPS = (0.95, 0.9, 0.8, 0.65)
"""Shares of the optimum at which the colour changes."""
MINIMUM = f"{100 * LEAST_POINTS:g} points or {100 * LEAST_SHARE:g} % of its hit rate, whichever is more"
"""The smallest difference from the usual policy that counts, as text."""


def findings_of(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:  # noqa: ARG001 - the page prints its texts
    """Findings of the experiment."""
    results = eviction_results(facts)
    return Findings(
        answer=answer(results),
        grids=[heat_table(results), details(results)],
        charts=[chart(results)],
        notes=notes(results),
        names=(
            "policy sequence round requests hits hit_rate optimum_hits share_of_optimum refused evictions most_entries "
            "used_memory_bytes maxmemory_bytes stay_s get_p50_ms"
        ),
        csv=[row for r in results for row in csv_rows(r)],
    )


def csv_rows(r: PolicyResult) -> list[list[object]]:
    """The rows of the CSV: one for each round."""
    found: list[list[object]] = []
    for o in r.rounds:
        shares = [o.hits, f"{o.hit_rate:.6g}", o.optimum_hits, f"{o.of_optimum:.6g}"]
        counts = [o.refused, o.evictions, o.most_entries, int(o.used_memory_bytes), int(o.maxmemory_bytes)]
        times = [o.stay_s, quantile(o.get_ms, 0.5)]
        texts = [f"{t:.6g}" if math.isfinite(t) else "" for t in times]
        found.append([o.policy, o.sequence, o.round, o.requests, *shares, *counts, *texts])
    return found


def percent(share: Estimate) -> str:
    """A share as a percentage with its interval, for example "52.1 % (51.2 – 53.0)"."""
    span = f" ({interval(share)})" if interval(share) else ""
    return f"{100 * share.value:.1f} %{span}"


def interval(share: Estimate) -> str:
    """The interval of a share in per cent; empty if there is none."""
    return f"{100 * share.low:.1f} – {100 * share.high:.1f}" if formatting.has_interval(share) else ""


def points(r: PolicyResult) -> str:
    """The difference from the usual policy in points, with its interval; empty without one."""
    test = r.against_usual.difference if r.against_usual is not None else None
    return (
        "" if test is None else f"{100 * test.estimate:+.1f} points ({100 * test.low:+.1f} to {100 * test.high:+.1f})"
    )


def answer(results: list[PolicyResult]) -> str:
    """The sequences for which the usual policy is enough, and those for which another is better by the minimum or more.
    Last those that say nothing about LRU."""
    if all(r.verdict == "not estimated" for r in results):
        rounds = len(results[0].rounds)
        return f"No verdict: {rounds} round{'s' * (rounds != 1)}; a comparison needs {MIN_ROUNDS}."
    enough, better, unclear = [], [], []
    blind = {r.sequence for r in blind_lru(results) if r.policy == USUAL}
    for sequence, own in by_sequence(results).items():
        if sequence in blind:
            unclear.append(sequence)
            continue
        rivals = [r for r in own if r.verdict == "better" and r.policy != REFUSING]
        if rivals:
            best = max(rivals, key=lambda r: r.hit_rate.value)
            better.append(f"{best.policy} is better for {sequence} ({points(best)})")
        else:
            enough.append(sequence)
    first = [f"{USUAL} is enough for {formatting.listed(enough)}"] if enough else []
    last = [f"Redis' LRU clock is too coarse to judge {formatting.listed(unclear)}"] if unclear else []
    return f"{'; '.join([*first, *better, *last])}."


def notes(results: list[PolicyResult]) -> list[str]:
    """Limitations of the results."""
    refusing = [r for r in results if r.refused]
    found = []
    if refusing:
        refused, requests = sum(r.refused for r in refusing), sum(r.requests for r in refusing)
        names = formatting.listed(sorted({r.policy for r in refusing}))
        found.append(
            f"{names} refused {refused:,} writes of {requests:,} requests. It is not recommended, whatever its hit "
            "rate: an application must handle each refused write."
        )
    blind = blind_lru(results)
    if blind:
        found.append(
            f"Redis' LRU clock ticks once per {LRU_TICK_S:g} s, and an entry stayed for only "
            f"{formatting.number(min(r.stay_s for r in blind))} s here, on "
            f"{formatting.listed(sorted({r.sequence for r in blind}))}. LRU needs {FEW_TICKS} ticks to order entries. "
            "The longer form (plan standard) gives it more ticks."
        )
    if not any(r.policy == "volatile-lru" for r in results):
        found.append(
            "volatile-lru, volatile-lfu and volatile-random did not run: every entry has a TTL, so they do the same "
            "here as allkeys-lru, allkeys-lfu and allkeys-random."
        )
    found.append(
        "Popularity never changes in these sequences, which favours LFU, and LFU's ageing takes minutes, so it has no "
        "effect here. If popularity changes fast, LRU compares better with LFU than here."
    )
    return found


def heat(share: float) -> int | None:
    """Colour class of a share of the optimum."""
    return None if math.isnan(share) else sum(share < step for step in STEPS)


def heat_table(results: list[PolicyResult]) -> Grid:
    """Hit rate with its interval, and the difference from the usual policy, by policy and sequence."""
    policies, columns = list(dict.fromkeys(r.policy for r in results)), by_sequence(results)
    rows = []
    for policy in policies:
        entries = []
        for own in columns.values():
            r = next(x for x in own if x.policy == policy)
            colour = None if r.refused else heat(r.of_optimum.value)
            entries.append(GridEntry(text=percent(r.hit_rate), detail=points(r), heat=colour))
        rows.append((policy, entries))
    best = [max(own, key=lambda r: r.optimum.value) for own in columns.values()]
    rows.append(("the optimum (Belady)", [GridEntry(text=percent(r.optimum), detail="upper bound") for r in best]))
    return Grid(
        anchor="eviction-table",
        title=f"Hit rate, and the difference from {USUAL}",
        explain=(
            "Share of requests that found their entry, starting with an empty cache: the median over rounds with its "
            f"interval; each round draws its keys from a new seed. Below: the difference from {USUAL}, paired by "
            f"round. It counts from {MINIMUM}, if it is significant with Holm's correction over the policies. "
            "The last row is Belady's optimum, which knows all future requests and has room for the largest number "
            "of entries that any policy held. Colour: share of the optimum, steps at "
            f"{', '.join(f'{s:g}' for s in STEPS)}; grey: the policy refused writes. All entries have the same TTL "
            "and size, and none expired."
        ),
        columns=["policy", *columns],
        rows=rows,
        folded=True,
    )


def details(results: list[PolicyResult]) -> Grid:
    """Counts, memory and times of every result, over all rounds."""
    rows = []
    for r in results:
        counts = [f"{n:,}" for n in (sum(o.evictions for o in r.rounds), r.refused)]
        last = r.rounds[-1]
        memory = f"{last.used_memory_bytes / 2**20:.2f} of {last.maxmemory_bytes / 2**20:.2f} MiB"
        gets = f"{formatting.with_unit(quantile(r.get_ms, 0.5), 'ms')}, p99 {formatting.with_unit(r.get_p99_ms, 'ms')}"
        stay = formatting.with_unit(r.stay_s, "s") if math.isfinite(r.stay_s) else "to the end"
        rows.append((r.policy, [GridEntry(text=t) for t in (r.sequence, *counts, memory, gets, stay)]))
    return Grid(
        anchor="eviction-details",
        title="Evictions, refused writes, memory, and the time of a GET",
        explain=(
            "Evictions and refused writes: of all rounds. Memory: at the end of the last round. GET: service time of "
            "plain GETs, one per batch; p99 only with at least ten samples beyond it."
        ),
        columns=["policy", "keys", "evictions", "writes refused", "used memory", "GET p50", "an entry stayed"],
        rows=rows,
        folded=True,
    )


def chart(results: list[PolicyResult]) -> Chart:
    """Hit rate and optimum, by policy and sequence."""
    question = "How close does each policy come to the best possible?"
    caption = (
        f"Coloured: the policy's hit rate ({USUAL} in its own colour) with its interval; pale, up to the mark: the "
        "optimum. Grey: the policy refused writes."
    )
    return Chart(
        anchor="eviction-chart",
        question=question,
        caption=caption,
        how_to_read="A coloured bar that covers its pale bar is optimal. Each panel is a sequence of keys.",
        svg=drawn_twice(lambda width: eviction_figure(results, width), "eviction-chart", question, caption),
        columns=["policy", "keys", "hit rate %", "interval %", "optimum %"],
        rows=[
            [o.policy, name, f"{100 * o.hit_rate.value:.2f}", interval(o.hit_rate), f"{100 * o.optimum.value:.2f}"]
            for name, own in by_sequence(results).items()
            for o in own
        ],
    )


def eviction_figure(results: list[PolicyResult], width: float) -> Figure:
    """One panel per sequence of keys, next to each other; below each other on a phone."""
    columns = by_sequence(results)
    policies = sorted(dict.fromkeys(o.policy for o in results), key=lambda policy: policy == REFUSING)
    rows = len(columns) if width == NARROW else 1
    figure = new_figure(width, 0.35 + rows * (0.5 + 0.22 * len(policies)))
    panels = list(figure.subplots(rows, len(columns) // rows, sharey=True, squeeze=False).flat)
    for axes, (sequence, own) in zip(panels, columns.items(), strict=True):
        for o in own:
            draw_policy(axes, o, policies.index(o.policy))
        axes.set_title(sequence, fontsize=9, color=INK, loc="left")
        axes.set_xlim(left=0)
        style_axes(axes)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set_ylim(len(policies) - 0.4, -0.6)
        axes.set_yticks(range(len(policies)), [f"{p}\n(refuses writes)" if p == REFUSING else p for p in policies])
    figure.supxlabel("hit rate, %", fontsize=9.5, color=MUTED)
    return figure


def draw_policy(axes: Axes, result: PolicyResult, y: int) -> None:
    """The bar of one policy: its hit rate with the interval, and the optimum."""
    optimum, rate = 100 * result.optimum.value, result.hit_rate
    color = MUTED if result.refused or result.policy == REFUSING else COLORS[1] if result.policy == USUAL else COLORS[0]
    axes.plot([0, optimum], [y, y], color=GRID, linewidth=6, solid_capstyle="butt")
    axes.plot([0, 100 * rate.value], [y, y], color=color, linewidth=3, solid_capstyle="butt")
    if formatting.has_interval(rate):
        axes.plot([100 * rate.low, 100 * rate.high], [y, y], color=INK, linewidth=1.2, marker="|", markersize=6)
    axes.plot([optimum], [y], color=MUTED, marker="|", markersize=11)
