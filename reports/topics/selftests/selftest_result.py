"""Results of self-tests: how often plans of a given size find known differences, and how often they find false ones.

A long run is divided into blocks with the rounds of one plan; each block is analysed like a separate run.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.metrics.metric import Metric, find_metric, metrics
from stampede.reports.statistics.comparison import Comparison, compare
from stampede.reports.statistics.estimate import MIN_ROUNDS
from stampede.reports.statistics.rank_tests import holm
from stampede.reports.statistics.verdict import LEAST_DIFFERENCE, Sentence, sentence
from stampede.run_folder.read import Run


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A contender whose difference from the reference is known."""

    contender: str
    metric: str
    share: float
    """Relative increase: 0.2 is 20 %."""


@dataclass(frozen=True, kw_only=True)
class BlockVerdict:
    """A block's verdict on a planted difference."""

    planted: Planted
    scenario: str
    block: int
    sentence: Sentence
    ratio: float
    low: float
    high: float
    m: float

    @property
    def rightly(self) -> bool:
        """Whether the verdict is right."""
        return self.sentence == "worse"

    @property
    def wrongly(self) -> bool:
        """Whether the verdict is wrong: better, or the same within less than the planted difference."""
        return self.sentence == "better" or (self.sentence == "same" and self.m < self.planted.share)


def blocks(analysis: Analysis, rounds: int) -> Iterator[Analysis]:
    """The run in blocks of `rounds` rounds; an incomplete last block is left out."""
    last = max((cell.info.round for cell in analysis.cells), default=0)
    for first in range(1, last - rounds + 2, rounds):
        cells = [cell for cell in analysis.cells if first <= cell.info.round < first + rounds]
        yield Analysis(analysis.run, cells)


def decisions(analysis: Analysis, planted: Sequence[Planted], rounds: int) -> list[BlockVerdict]:
    """Each block's verdict on each planted difference, with Holm's correction as in any run."""
    found = []
    for number, block in enumerate(blocks(analysis, rounds), 1):
        for scenario in block.scenarios:
            for known in planted:
                verdict = block.verdicts.get((scenario.name, known.contender, known.metric))
                if verdict is None or not verdict.sentence:
                    continue
                ratio = verdict.comparison.ratio
                found.append(
                    BlockVerdict(
                        planted=known,
                        scenario=scenario.name,
                        block=number,
                        sentence=verdict.sentence,
                        ratio=math.nan if ratio is None else ratio.estimate,
                        low=math.nan if ratio is None else ratio.low,
                        high=math.nan if ratio is None else ratio.high,
                        m=verdict.m,
                    )
                )
    return found


def tally(found: Sequence[BlockVerdict]) -> list[str]:
    """One line per planted difference and scenario, and the shares over all of equal size and metric."""
    lines = []
    for (known, scenario), group in grouped(found).items():
        estimates = ", ".join(f"{x.ratio:.2f} ({x.low:.2f} to {x.high:.2f}): {x.sentence}" for x in group)
        lines.append(f"{scenario} · {known.contender} · {metric_title(known.metric)}: {estimates}")
    for metric, share in sorted({(x.planted.metric, x.planted.share) for x in found}):
        of_size = [x for x in found if x.planted.share == share and x.planted.metric == metric]
        right, wrong = (sum(getattr(x, name) for x in of_size) for name in ("rightly", "wrongly"))
        lines.append(
            f"planted {100 * share:g} %, by {metric_title(metric)}: {right} of {len(of_size)} decided rightly "
            f"({100 * right / len(of_size):.0f} %), {wrong} wrongly, {len(of_size) - right - wrong} cannot tell"
        )
    return lines


def metric_title(metric: str) -> str:
    """A metric's group and title."""
    found = find_metric(metric)
    return f"{found.group} {found.title}"


def grouped(found: Sequence[BlockVerdict]) -> Mapping[tuple[Planted, str], list[BlockVerdict]]:
    """Decisions by planted difference and scenario."""
    groups: dict[tuple[Planted, str], list[BlockVerdict]] = {}
    for x in found:
        groups.setdefault((x.planted, x.scenario), []).append(x)
    return groups


@dataclass(frozen=True, kw_only=True)
class AaRow:
    """One metric's comparison of a contender with its A/A copy."""

    scenario: str
    metric: Metric
    comparison: Comparison
    sentence: Sentence
    m: float
    blocks: int
    """Number of blocks with a verdict."""
    alarms: int
    """Number of blocks in which the copies came out different, with Holm's correction over the block's metrics."""


def aa_rows(analysis: Analysis, rounds: int) -> list[AaRow]:
    """Each compared metric over the whole run, and its false alarms in blocks of `rounds` rounds."""
    alarms: Counter[tuple[str, str]] = Counter()
    decided: Counter[tuple[str, str]] = Counter()
    for block in blocks(analysis, rounds):
        for key, verdict in block.aa_pairs.items():
            decided[key] += bool(verdict.sentence)
            alarms[key] += verdict.sentence in ("better", "worse")
    return [
        AaRow(
            scenario=scenario,
            metric=verdict.metric,
            comparison=verdict.comparison,
            sentence=verdict.sentence,
            m=verdict.m,
            blocks=decided[scenario, name],
            alarms=alarms[scenario, name],
        )
        for (scenario, name), verdict in analysis.aa_pairs.items()
        if verdict.comparison.rounds
    ]


def relabelled_alarms(analysis: Analysis, scenario: str, rounds: int, repeats: int, seed: int) -> float:
    """Share of repeats with a false alarm when rounds are drawn and the two copies' names swapped at random.

    Over all compared metrics, with Holm's correction as in a run. nan below MIN_ROUNDS rounds.
    """
    aa_copy = next((c for c in analysis.run.info.contenders if c.kind == "aa-copy"), None)
    if aa_copy is None or aa_copy.copy_of is None:
        return math.nan
    pairs: list[tuple[Metric, dict[int, tuple[float, float]]]] = []
    for metric in metrics():
        if metric.compared:
            copy, original = (
                {c.info.round: metric.of_cell(c) for c in analysis.of(scenario, name)}
                for name in (aa_copy.name, aa_copy.copy_of)
            )
            both = {r: (copy[r], original[r]) for r in copy.keys() & original.keys()}
            if len(both) >= MIN_ROUNDS and all(math.isfinite(v) for pair in both.values() for v in pair):
                pairs.append((metric, both))
    if not pairs:
        return math.nan
    rng = np.random.default_rng(seed)
    numbers = sorted(set.intersection(*({*both} for _, both in pairs)))
    alarms = 0
    for _ in range(repeats):
        drawn = rng.choice(numbers, size=rounds)
        swapped = rng.random(rounds) < 0.5
        found = []
        for metric, both in pairs:
            values = [both[r][::-1] if swap else both[r] for r, swap in zip(drawn, swapped, strict=True)]
            found.append((metric, compare([v for v, _ in values], [w for _, w in values])))
        adjusted = holm([comparison.p for _, comparison in found])
        alarms += any(
            sentence(comparison, LEAST_DIFFERENCE, p, metric.better or "lower") in ("better", "worse")
            for (metric, comparison), p in zip(found, adjusted, strict=True)
        )
    return alarms / repeats


def aa_lines(rows: Sequence[AaRow]) -> list[str]:
    """One line of text per metric."""
    lines = []
    for row in rows:
        test = row.comparison.ratio or row.comparison.difference
        if test is None:
            lines.append(f"{row.scenario} · {row.metric.title}: {row.comparison.why}")
            continue
        kind = "ratio" if row.comparison.ratio else f"difference in {row.metric.unit or 'units'}"
        lines.append(
            f"{row.scenario} · {row.metric.group} {row.metric.title}: {kind} {test.estimate:.3f} "
            f"({test.low:.3f} to {test.high:.3f}), noise floor ± {100 * row.m:.0f} %, "
            f"{row.alarms} false alarms in {row.blocks} blocks"
        )
    return lines


WIDTH_BY = "service-p10"
"""The metric whose intervals `--until` narrows: of those that every contender has, the one with the least noise."""


def widest(analysis: Analysis) -> tuple[float, str]:
    """The widest interval of a comparison with the reference, as ± a share, and its contender.

    Infinity below MIN_ROUNDS rounds.
    """
    found = []
    for (scenario, contender, metric), verdict in analysis.verdicts.items():
        if metric == WIDTH_BY and verdict.comparison.rounds:
            ratio = verdict.comparison.ratio
            half = math.inf if ratio is None or ratio.low <= 0 else math.sqrt(ratio.high / ratio.low) - 1
            found.append((half, f"{scenario}, {contender}"))
    return max(found, default=(math.inf, "no comparison"))


def rounds_to_add(run: Run, width: float | None, most: int) -> tuple[int, str]:
    """(rounds up to which a run should continue, 0 if it is done; message). Uses widths only, never verdicts."""
    if width is None or run.info.status != "finished":
        return 0, ""
    rounds = run.info.rounds
    seen, place = widest(analyse(run))
    if seen <= width:
        return 0, f"{rounds} rounds: every interval is within ± {100 * width:g} %"
    if rounds >= most:
        return 0, f"{rounds} rounds, the most allowed: ± {100 * seen:.1f} % in {place} (wanted: {100 * width:g} %)"
    wanted = rounds * (seen / width) ** 2 if math.isfinite(seen) else MIN_ROUNDS
    grown = min(most, max(rounds + 2, min(2 * rounds, math.ceil(wanted))))
    return grown, f"{rounds} rounds: ± {100 * seen:.1f} % in {place}; continuing to {grown}"
