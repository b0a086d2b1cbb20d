"""The first screen and the terminal: every answer with its price and certainty, and what this run did not measure."""

import html
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from stampede.reports.output import charts
from stampede.reports.output.html_report import navigation, page
from stampede.reports.output.panels.first_screen.answer_texts import (
    brief_effect,
    brief_price,
    certainty_text,
    price_items,
    price_text,
)
from stampede.reports.output.panels.first_screen.effect_bar import MIDDLE, REACH, effect_bar, spoken
from stampede.reports.output.panels.first_screen.not_measured import not_measured
from stampede.reports.output.panels.first_screen.trust_line import trust_line, trust_text
from stampede.reports.output.panels.glossary import GLOSSARY, explained
from stampede.reports.output.panels.warnings_panel import CONSEQUENCES, consequence, entries
from stampede.reports.output.report_console import MOST_LINES, WIDTH, claims_text, report_lines
from stampede.reports.output.report_model import Report, read_report
from stampede.reports.recommend.answer_row import Effect, Price
from stampede.reports.recommend.eligibility import rivals
from stampede.reports.recommend.rule.simplicity import printed_order
from stampede.run_folder.run_warnings import GENERATOR_LATE, KINDS, REMARK, SATURATED, RunWarning
from tests.reports.planted_runs.planted import plant, scenario
from tests.reports.planted_runs.planted_answers import (
    FEWER_QUERIES,
    HOT_KEY,
    LIMIT,
    MANY_KEYS,
    OUTAGE,
    READ_MOSTLY,
    ROWS,
)


@pytest.fixture(scope="module")
def answered(report: Report) -> Report:
    """A planted run with planted answers of every kind."""
    return replace(report, answer_rows=ROWS)


@pytest.fixture(scope="module")
def text(answered: Report) -> str:
    """The page of that run."""
    return page(answered)


@pytest.fixture(scope="module")
def rows_of_the_table(text: str) -> list[str]:
    """The rows of the table of answers, as text without markup."""
    table = re.search(r'<table class="cards answers".*?</table>', text, flags=re.DOTALL)
    assert table is not None
    body = table[0].partition("<tbody>")[2]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in body.split("</tr>")[:-1]]


def test_each_answer_is_a_row_with_its_use_effect_price_and_certainty(rows_of_the_table: list[str]) -> None:
    """A row without an answer is not in the table."""
    answered = [row for row in ROWS if row.use]
    assert len(rows_of_the_table) == len(answered) < len(ROWS)
    for row, text in zip(answered, rows_of_the_table, strict=True):
        assert row.effect is not None
        wanted = (row.question, row.use, row.effect.text, row.prices[0].text, row.mechanism, str(row.certainty))
        assert [part for part in wanted if part not in text] == []


def test_the_fold_has_the_order_of_simplicity_and_the_rule_of_each_answer(report: Report) -> None:
    """A reader can check why the simplest contender was used: the moving parts, the minimum effect and the ties."""
    copies = (("write-through", "cache-aside"),)
    rows = [replace(row, copies=copies) if row.tied else row for row in ROWS]
    changed = page(replace(report, answer_rows=rows))
    fold = re.search(r'<details id="alternatives">.*?</details>', changed, flags=re.DOTALL)
    assert fold is not None
    text = html.unescape(re.sub(r"<[^>]+>", "", fold[0]))
    places = [text.index(f"{name} ({parts})") for name, parts in printed_order(rivals(report.analysis))]
    assert len(places) > 1
    assert places == sorted(places)
    tied = next(row for row in ROWS if row.tied and row.minimum)
    assert f"Minimum effect: {100 * (tied.minimum or 0):.0f} %. Tied: {', '.join(tied.tied)}." in text
    assert "Not ranked: write-through (without writes it does the same as cache-aside)." in text


def test_a_cost_that_was_not_estimated_is_named(rows_of_the_table: list[str]) -> None:
    """It is never left out, which would read as no cost: it has a place among the three costs of the table."""
    assert price_items(HOT_KEY)[-1] == "not estimated: memory per record"
    many = [Price(text=f"+{n} ms per hit", kind="measured") for n in range(1, 5)]
    row = replace(HOT_KEY, prices=(*many, Price(text="memory: not estimated", kind="not estimated")))
    assert price_items(row) == ["+1 ms per hit", "+2 ms per hit", "not estimated: memory"]
    assert "not estimated: memory per record" in rows_of_the_table[2]


def test_no_measurable_extra_cost_is_an_item_only_if_no_cost_was_measured() -> None:
    """Stated costs follow; the fold has all of them."""
    small, stated = Price(text="no significant extra hit latency", kind="none"), Price(text="one lock", kind="stated")
    found = Price(text="+1.00 ms per hit (0.90 – 1.10)", kind="measured")
    assert price_items(replace(HOT_KEY, prices=(small, stated))) == [small.text, stated.text]
    row = replace(HOT_KEY, prices=(found, small, stated))
    assert price_items(row) == [found.text, stated.text]
    many = [Price(text=f"+{n} ms per hit", kind="measured") for n in range(1, 5)]
    assert price_items(replace(row, prices=(*many, stated))) == ["+1 ms per hit", "+2 ms per hit", stated.text]
    assert price_text(row) == f"{found.text}; {small.text}; {stated.text}"


def test_each_cost_of_the_table_is_a_line_of_its_own_and_none_begins_with_a_semicolon(text: str) -> None:
    """The mechanism is the last line."""
    cells = re.findall(r'<td class="text" data-label="Price">(.*?)</td>', text, flags=re.DOTALL)
    assert len(cells) == len([row for row in ROWS if row.use])
    for row, cell in zip([row for row in ROWS if row.use], cells, strict=True):
        lines = [html.unescape(line) for line in re.findall(r"<li[^>]*>(.*?)</li>", cell)]
        assert lines == [*price_items(row), *([row.mechanism] if row.mechanism else [])]
        assert not any(line.startswith(";") for line in lines)


def test_a_row_says_tied_at_most_once(rows_of_the_table: list[str]) -> None:
    """The word is in the mark; the text names the contenders."""
    assert [len(re.findall(r"\btied\b|not significant", text)) for text in rows_of_the_table] == [0, 1, 0, 0, 0]
    assert certainty_text(FEWER_QUERIES) == "with write-through and coalescing; 97 % of resamples"
    assert certainty_text(LIMIT) == "3 rounds, 4,223 decisions"


def test_the_effect_is_drawn_on_an_axis_that_all_rows_share() -> None:
    """The point, the ends of the interval and the band of the minimum effect have their places on −100 % to +100 %."""
    drawing = effect_bar(READ_MOSTLY)
    assert f'cx="{MIDDLE - 0.84 * REACH:.1f}"' in drawing
    assert f"M{MIDDLE - 0.87 * REACH:.1f} " in drawing
    assert f"H{MIDDLE - 0.80 * REACH:.1f}" in drawing
    assert f'<rect class="band" x="{MIDDLE - 0.1 * REACH:.1f}"' in drawing
    assert 'class="effect good"' in drawing
    assert "−84 % (−87 to −80)" in drawing


def test_an_effect_below_the_minimum_is_neither_good_nor_bad() -> None:
    """Its colour is grey. A change in the bad direction has the colour of a warning."""
    assert 'class="effect small"' in effect_bar(FEWER_QUERIES)
    assert READ_MOSTLY.effect is not None
    worse = replace(READ_MOSTLY, effect=replace(READ_MOSTLY.effect, change=0.5, low=0.4, high=0.6))
    assert 'class="effect bad"' in effect_bar(worse)


def test_a_change_beyond_the_axis_has_an_arrow_and_one_without_a_ratio_no_drawing() -> None:
    """The number is in the text of both."""
    assert "<circle" not in effect_bar(MANY_KEYS)
    assert "+7,300 % (+6,900 to +7,800)" in effect_bar(MANY_KEYS)
    assert effect_bar(LIMIT) == ""
    assert effect_bar(OUTAGE) == ""
    unknown = Effect(text="", against="", change=-0.25, low=math.nan, high=math.nan)
    assert 'class="interval"' not in effect_bar(replace(READ_MOSTLY, effect=unknown))
    assert spoken(-0.001, math.nan, math.nan) == "0 %"


def test_what_was_not_measured_has_one_line_for_each_command(answered: Report) -> None:
    """Questions that the same command answers share a line. What the run has is not in the list."""
    fresh = replace(OUTAGE, name="fresh-records", question="Records must be fresh")
    lines = not_measured(answered.run, [*ROWS, fresh], explored=False)
    assert lines[0].what == "Redis fails or hangs; Records must be fresh"
    assert (lines[0].command, lines[0].time) == ("make bench PLAN=standard", "about 28 min")
    assert len({line.command for line in lines}) == len(lines)
    assert "make races" in {line.command for line in lines}
    assert "make races" not in {line.command for line in not_measured(answered.run, ROWS, explored=True)}


def test_the_line_on_trust_names_what_is_not_reliable(answered: Report, tmp_path: Path) -> None:
    """Below six rounds there is no verdict; counts that differ from the servers' are not reliable."""
    assert trust_line(answered.analysis).startswith("Query counts are reliable in this run; ")
    few = read_report(plant(tmp_path / "few", rounds=1, contenders=["cache-aside"], scenarios=[scenario("stampede")]))
    assert trust_line(few.analysis).startswith("1 round: this run shows ranges")
    void = plant(
        tmp_path / "void", rounds=6, contenders=["cache-aside"], scenarios=[scenario("stampede")], status="failed"
    )
    assert trust_line(read_report(void).analysis) == "The run is void: no figure can be trusted."
    assert trust_text(True, {}, 2).startswith("Query counts are not reliable in this run; latency is reliable")
    assert trust_text(False, {}, 2, levels=False).endswith(
        "; differences in latency are reliable, its absolute level is not."
    )
    some = trust_text(False, {"read-mostly": "two copies differ by 40 %"}, 2)
    assert some.endswith("tail latency (p99) is not in read-mostly: two copies differ by 40 %.")
    every = trust_text(False, {"read-mostly": "two copies differ by 40 %"}, 1)
    assert every.endswith("tail latency (p99) is not: two copies differ by 40 %.")


def test_each_kind_of_warning_has_a_consequence() -> None:
    """The reader learns what a warning means for the figures. Only remarks of the harness have none."""
    assert set(CONSEQUENCES) <= {kind.name for kind in KINDS}
    assert [kind.name for kind in KINDS if not consequence(kind)] == [REMARK.name]


def test_a_word_is_explained_at_its_first_place_only() -> None:
    """The text is escaped, and a longer word that contains a word of the glossary is left alone."""
    text = str(explained("A baseline <b>, baseline and the load generator"))
    assert text.count('class="term"') == 1
    assert str(GLOSSARY["baseline"][:30]) in text
    assert "&lt;b&gt;" in text


def test_a_chart_is_drawn_twice_with_ids_of_its_own_and_hover_texts() -> None:
    """The narrow drawing repeats no id of the wide one, and each mark shows its text under the pointer."""

    def draw(width: float) -> Figure:
        figure = charts.new_figure(width, 2.0)
        axes = figure.add_subplot()
        (line,) = axes.plot([1, 2], [1, 2])
        line.set_gid("mark--a--")
        charts.style_axes(axes)
        return figure

    drawings = charts.drawn_twice(draw, "planted", "Title", "Text", {"mark--a--": "a < 1 ms"})
    ids = re.findall(r'\bid="([^"]+)"', drawings)
    assert len(ids) == len(set(ids))
    assert drawings.count("<title>a &lt; 1 ms</title>") == 2
    widths = [float(w) for w in re.findall(r'viewBox="0 0 ([\d.]+) ', drawings)]
    assert widths == pytest.approx([72 * charts.WIDE, 72 * charts.NARROW])


@pytest.mark.parametrize("times", [1, 4])
def test_the_terminal_has_at_most_25_lines_of_80_columns(answered: Report, times: int) -> None:
    """Also with four times as many questions. The first line is the path of the page, and nothing is cut."""
    lines = [line.text for line in report_lines(replace(answered, answer_rows=ROWS * times))]
    assert lines[0] == f"Report: {answered.folder / 'report.html'}"
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines[1:])) <= WIDTH
    assert not any("…" in line for line in lines[1:])


def test_the_terminal_has_each_answer_in_columns_and_the_prices_of_the_main_ones(answered: Report) -> None:
    """A detail has one line. The price is the most important cost with the first phrase of the mechanism."""
    lines = [line.text for line in report_lines(answered)]
    answers = [lines.index(next(x for x in lines if x.startswith(name))) for name in ("Hot key, may", "Strict rate")]
    assert lines[answers[0]] == f"{'Hot key, may wait':22} {'coalescing':16} 90 % fewer queries per expiry"
    assert lines[answers[0] + 1] == "   price: waiting readers wait 103 ms instead of 45 ms (+55 to +61)"
    assert "price" not in lines[answers[1] + 1]
    assert "Read-mostly pages" in lines[2]
    assert lines[3] == "   price: +0.4 ms per miss (0.3 – 0.5); one more round trip on a miss"
    assert any("cache-aside (tied)" in line for line in lines)
    assert any(line.startswith("Not measured: outages (make bench PLAN=standard)") for line in lines)


def test_prices_take_lines_of_the_patterns_and_yield_to_further_answers(answered: Report) -> None:
    """If the questions fill all lines, each question keeps its line."""
    many = [replace(READ_MOSTLY, name=f"q{k}", question=f"Question {k}") for k in range(10)]
    lines = [line.text for line in report_lines(replace(answered, answer_rows=many))]
    assert sum(line.startswith("Question ") for line in lines) == len(many)
    assert 0 < sum(line.startswith("   price: ") for line in lines) < len(many)


def test_an_effect_is_shortened_to_whole_phrases_only() -> None:
    """Intervals go first, then phrases from the end. Words are never cut."""
    assert brief_effect(HOT_KEY, 60) == "90 % fewer queries per expiry than cache-aside"
    assert brief_effect(READ_MOSTLY, 60) == "84 % faster median read than without a cache"
    assert brief_effect(READ_MOSTLY, 20) == ""
    assert brief_price(replace(FEWER_QUERIES, mechanism="a SET; after each write"), 70) == (
        "no significant extra cost; a SET"
    )
    assert brief_price(replace(FEWER_QUERIES, prices=(Price(text="x" * 90, kind="stated"),)), 70) == "not stated"


def test_a_claim_that_is_refuted_is_named(answered: Report) -> None:
    """The other claims are counted by verdict."""
    assert len(answered.claims) > 2
    refuted, conditional, confirmed, unclear, *_ = answered.claims
    some = [
        replace(refuted, verdict=replace(refuted.verdict, word="does not hold")),
        replace(conditional, verdict=replace(conditional.verdict, word="holds only if")),
        replace(confirmed, verdict=replace(confirmed.verdict, word="holds")),
        replace(unclear, verdict=replace(unclear.verdict, word="cannot tell")),
    ]
    assert claims_text(some) == "Claims: 1 confirmed, 1 conditional, 1 refuted (C1 Redis under 1 ms), 1 inconclusive"


def test_a_warning_begins_with_its_subject_and_those_about_picks_come_first() -> None:
    """An unanswered request of a contender that no row recommends there is not first."""
    unanswered = RunWarning(
        kind=SATURATED,
        what="coalescing left 2 of 4,799 requests unanswered after D = 2 s",
        value=0.9996,
        scenario="read-mostly",
        contenders=("coalescing",),
    )
    late = RunWarning(
        kind=GENERATOR_LATE, what="late", value=21.636, scenario="read-mostly", contenders=("cache-aside", "no-cache")
    )
    found = entries([unanswered, late], ROWS)
    assert [entry.lead for entry in found] == [
        "The load generator in read-mostly sent 1 % of the requests more than 21.6 ms late",
        "coalescing in read-mostly left 2 of 4,799 requests unanswered after D = 2 s",
    ]
    assert all(entry.consequence[0].isupper() for entry in found)
    of_the_pick = replace(unanswered, scenario="stampede")
    assert entries([of_the_pick, late], ROWS)[0].kind is SATURATED


def test_the_navigation_has_plain_labels(answered: Report, text: str) -> None:
    """Each link leads to an anchor of the page."""
    found = dict(navigation(answered))
    assert found["stampede"] == "hot key"
    assert [anchor for anchor in found if f'id="{anchor}"' not in text] == []
