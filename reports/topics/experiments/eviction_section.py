"""Report section on eviction: hit rate by policy and key sequence, and its share of the optimum."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stampede.reports.metrics.response_times import SAMPLES_BEYOND
from stampede.reports.output import formatting
from stampede.reports.output.charts import COLORS, GRID, INK, MUTED, Chart, drawn, new_figure, style_axes
from stampede.reports.output.panels.table import Grid, GridEntry
from stampede.reports.statistics.estimate import quantile
from stampede.reports.topics.experiments.experiments_section import Findings
from stampede.run_folder.schema import ExperimentInfo

NAME = "eviction"
USUAL = "allkeys-lru"
"""The policy that is usually recommended."""
STEPS = (0.95, 0.9, 0.8, 0.65)
"""Shares of the optimum at which the colour changes."""
CLOSE = 0.02
"""Hit rates that differ by less count as equal: two runs of a sampling policy differ by about this share."""
LRU_TICK_S = 1.0
"""Resolution of Redis' LRU clock in seconds."""
FEW_TICKS = 3
"""LRU cannot order entries that stay for fewer ticks."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of one policy on one sequence of keys."""

    policy: str
    sequence: str
    requests: int
    hits: int
    optimum_hits: int
    """Hits of the optimal policy with the largest number of entries that this one held."""
    refused: int
    evictions: int
    most_entries: int
    used_memory_bytes: float
    maxmemory_bytes: float
    elapsed_s: float
    get_ms: np.typing.NDArray[np.float64]

    @property
    def hit_rate(self) -> float:
        """Hits over requests."""
        return self.hits / self.requests

    @property
    def of_optimum(self) -> float:
        """Hits over the optimum's hits."""
        return self.hits / self.optimum_hits if self.optimum_hits else math.nan

    @property
    def stay_s(self) -> float:
        """Mean time for which an entry stayed: entries over fills per second (Little's law)."""
        fills = self.requests - self.hits - self.refused
        return self.most_entries * self.elapsed_s / fills if self.evictions and fills else math.inf

    @property
    def get_p99_ms(self) -> float:
        """p99 of a GET in ms; nan with fewer than ten samples beyond it."""
        return quantile(self.get_ms, 0.99) if len(self.get_ms) >= 100 * SAMPLES_BEYOND else math.nan


def outcomes(facts: pd.DataFrame) -> list[Outcome]:
    """The result of every policy on every sequence, in the order of the run."""
    found = []
    for (policy, sequence), own in facts.groupby(["variant", "parameter"], sort=False):
        once = own[own["at"].isna()].set_index("name")["value"]
        counts = ("requests", "hits", "optimum_hits", "refused", "evictions", "most_entries")
        found.append(
            Outcome(
                policy=str(policy),
                sequence=str(sequence),
                **{name: int(once[name]) for name in counts},
                used_memory_bytes=float(once["used_memory"]),
                maxmemory_bytes=float(once["maxmemory"]),
                elapsed_s=float(once["elapsed"]),
                get_ms=own.loc[own["name"] == "get", "value"].to_numpy(dtype=np.float64),
            )
        )
    return found


def findings_of(info: ExperimentInfo, facts: pd.DataFrame) -> Findings:  # noqa: ARG001 - the page prints its texts
    """Findings of the experiment."""
    seen = outcomes(facts)
    return Findings(
        answer=answer(seen),
        grids=[heat_table(seen), details(seen)],
        charts=[chart(seen)],
        notes=notes(seen),
        names=(
            "policy sequence requests hits hit_rate optimum_hits share_of_optimum refused evictions most_entries "
            "used_memory_bytes maxmemory_bytes stay_s get_p50_ms get_p99_ms"
        ),
        csv=[as_row(o) for o in seen],
    )


def as_row(o: Outcome) -> list[object]:
    """A row of the CSV."""
    shares = [o.hits, f"{o.hit_rate:.6g}", o.optimum_hits, f"{o.of_optimum:.6g}"]
    counts = [o.refused, o.evictions, o.most_entries, int(o.used_memory_bytes), int(o.maxmemory_bytes)]
    times = [o.stay_s, quantile(o.get_ms, 0.5), o.get_p99_ms]
    return [
        o.policy,
        o.sequence,
        o.requests,
        *shares,
        *counts,
        *(f"{t:.6g}" if math.isfinite(t) else "" for t in times),
    ]


def usually_best(seen: list[Outcome]) -> tuple[list[str], list[str]]:
    """The sequences on which the usual policy is within CLOSE of the best, and the others."""
    close: list[str] = []
    worse: list[str] = []
    for sequence, own in by_sequence(seen).items():
        usual = next((o for o in own if o.policy == USUAL), None)
        if usual is not None:
            lead = max(o.hit_rate for o in own) - usual.hit_rate
            (close if lead <= CLOSE else worse).append(sequence)
    return close, worse


def by_sequence(seen: list[Outcome]) -> dict[str, list[Outcome]]:
    """Results grouped by sequence."""
    found: dict[str, list[Outcome]] = {}
    for o in seen:
        found.setdefault(o.sequence, []).append(o)
    return found


def blind_lru(seen: list[Outcome]) -> list[Outcome]:
    """Results of LRU policies whose entries stayed for too few ticks of the LRU clock."""
    return [o for o in seen if o.policy.endswith("-lru") and o.stay_s < FEW_TICKS * LRU_TICK_S]


def answer(seen: list[Outcome]) -> str:
    """The best policy per sequence, and the result of the usual policy."""
    parts = []
    for sequence, own in by_sequence(seen).items():
        best = max(own, key=lambda o: o.hit_rate)
        share = f"{formatting.number(best.of_optimum)} of the optimum"
        parts.append(f"{sequence}: {best.policy} {formatting.with_unit(100 * best.hit_rate, '%')} ({share})")
    close_on, worse_on = usually_best(seen)
    if not worse_on:
        return f"Best on {'; '.join(parts)}. {USUAL} is the best, or within {100 * CLOSE:g} points of it, everywhere."
    close = f"; on {formatting.listed(close_on)} it is not" if close_on else ""
    worse = f"{USUAL} is more than {100 * CLOSE:g} points behind the best on {formatting.listed(worse_on)}{close}."
    return f"Best on {'; '.join(parts)}. {worse}"


def notes(seen: list[Outcome]) -> list[str]:
    """Limitations of the results."""
    refused = sum(o.refused for o in seen)
    found = [f"noeviction refused {refused:,} writes; every read was answered."] if refused else []
    blind = blind_lru(seen)
    if blind:
        found.append(
            "Redis' LRU clock ticks once a second, and an entry stayed for only "
            f"{formatting.number(min(o.stay_s for o in blind))} s here, on "
            f"{formatting.listed(sorted({o.sequence for o in blind}))}: there LRU could hardly distinguish entries. "
            "The longer form (plan standard) gives it more ticks."
        )
    found.append(
        "Popularity never changes in these sequences, which favours LFU, and LFU's ageing takes minutes, so it has no "
        "effect here. If popularity changes fast, LRU compares better with LFU than here."
    )
    return found


def heat(share: float) -> int | None:
    """Colour class of a share of the optimum."""
    return None if math.isnan(share) else sum(share < step for step in STEPS)


def heat_table(seen: list[Outcome]) -> Grid:
    """Hit rate and share of the optimum, by policy and sequence."""
    policies, columns = list(dict.fromkeys(o.policy for o in seen)), by_sequence(seen)
    rows = []
    for policy in policies:
        entries = []
        for own in columns.values():
            o = next(x for x in own if x.policy == policy)
            share = f"{formatting.number(o.of_optimum)} of the optimum"
            entries.append(GridEntry(text=f"{100 * o.hit_rate:.1f} %", detail=share, heat=heat(o.of_optimum)))
        rows.append((policy, entries))
    best = [max(own, key=lambda o: o.optimum_hits) for own in columns.values()]
    rows.append(
        (
            "the optimum (Belady)",
            [GridEntry(text=f"{100 * o.optimum_hits / o.requests:.1f} %", detail="bound, no policy") for o in best],
        )
    )
    return Grid(
        anchor="eviction-table",
        title="Hit rate, and its share of the optimum",
        explain=(
            "Share of requests that found their entry, starting with an empty cache; below: the hits over those of "
            "Belady's optimum, which knows all future requests. The optimum also starts empty, may skip entries that "
            "are not worth caching, and has room for the largest number of entries that the policy held, so no policy "
            "can exceed it. The last row is the optimum with the most room. Colour: share of the optimum, steps at "
            f"{', '.join(f'{s:g}' for s in STEPS)}. All entries have the same TTL and size, and none expired."
        ),
        columns=["policy", *columns],
        rows=rows,
    )


def details(seen: list[Outcome]) -> Grid:
    """Counts, memory and times of every result."""
    rows = []
    for o in seen:
        counts = [f"{n:,}" for n in (o.evictions, o.refused, o.most_entries)]
        memory = f"{o.used_memory_bytes / 2**20:.2f} of {o.maxmemory_bytes / 2**20:.2f} MiB"
        times = [formatting.with_unit(quantile(o.get_ms, 0.5), "ms"), formatting.with_unit(o.get_p99_ms, "ms")]
        stay = formatting.with_unit(o.stay_s, "s") if math.isfinite(o.stay_s) else "to the end"
        rows.append((o.policy, [GridEntry(text=t) for t in (o.sequence, *counts, memory, *times, stay)]))
    return Grid(
        anchor="eviction-details",
        title="Evictions, refused writes, memory, and the time of a GET",
        explain="GET: service time of plain GETs, one per batch; p99 only with at least ten samples beyond it.",
        columns=[
            *("policy", "keys", "evictions", "writes refused", "most entries", "used memory"),
            *("GET p50", "GET p99", "an entry stayed"),
        ],
        rows=rows,
        folded=True,
    )


def chart(seen: list[Outcome]) -> Chart:
    """Hit rate and optimum, by policy and sequence."""
    columns = by_sequence(seen)
    policies = list(dict.fromkeys(o.policy for o in seen))
    figure = new_figure(7.6, 0.9 + 0.3 * len(policies))
    panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    table = []
    for axes, (sequence, own) in zip(panels, columns.items(), strict=True):
        for o in own:
            y = policies.index(o.policy)
            optimum = 100 * o.optimum_hits / o.requests
            color = COLORS[1] if o.policy == USUAL else COLORS[0]
            axes.plot([0, optimum], [y, y], color=GRID, linewidth=6, solid_capstyle="butt")
            axes.plot([0, 100 * o.hit_rate], [y, y], color=color, linewidth=3, solid_capstyle="butt")
            axes.plot([optimum], [y], color=MUTED, marker="|", markersize=11)
            table.append([o.policy, sequence, f"{100 * o.hit_rate:.2f}", f"{optimum:.2f}"])
        axes.set_title(sequence, fontsize=9.5, color=INK, loc="left")
        axes.set_xlim(left=0)
        style_axes(axes)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0, labelcolor=INK)
    panels[0].set_ylim(len(policies) - 0.4, -0.6)
    panels[0].set_yticks(range(len(policies)), policies)
    figure.supxlabel("hit rate, %", fontsize=9.5, color=MUTED)
    question = "How close does each policy come to the best possible?"
    caption = f"Coloured: the policy's hit rate ({USUAL} in its own colour); grey, up to the mark: the optimum."
    return Chart(
        anchor="eviction-chart",
        question=question,
        caption=caption,
        how_to_read="A coloured bar that covers its grey bar is optimal. Each panel is a sequence of keys.",
        svg=drawn(figure, "eviction-chart", question, caption),
        columns=["policy", "keys", "hit rate %", "optimum %"],
        rows=table,
    )
