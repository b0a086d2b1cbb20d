"""Every row of the article has a place in the product and a command that shows it, and both exist."""

import re
import shlex
from collections.abc import Callable, Collection, Mapping

from stampede.loadtests.experiments.experiment import experiments
from stampede.patterns.contender_registry import contenders, limiters
from stampede.patterns.serialization.serializer_registry import named_serializers
from stampede.reports.claims.claims_section import claims
from stampede.scenarios.scenario import scenarios
from tests.docs.documents import ROOT
from tests.docs.test_documents import DOCUMENTS, broken, refused_of_make

DOCUMENT = "docs/article.md"
"""The only page that has the rows."""
ROWS = [f"{kind}{n}" for kind, count in (("P", 5), ("B", 8), ("A", 4), ("C", 13)) for n in range(1, count + 1)]
ROW = re.compile(r"^\| ([PBAC]\d+) \| (.*) \| (.*) \| `(.*)` \|$", re.MULTILINE)
KINDS: Mapping[str, Callable[[], Collection[str]]] = {
    "contender": contenders,
    "limiter": limiters,
    "scenario": scenarios,
    "experiment": experiments,
    "serializer": named_serializers,
    "claim": lambda: {claim.row for claim in claims()},
}
NAMED = re.compile(rf"\b({'|'.join(KINDS)}) `([^`]+)`")
PAGE = re.compile(r"page \[[^\]]+\]\(([^)]+)\)")


def rows(document: str) -> list[tuple[str, str, str, str]]:
    """(row, what, shown by, command) of every table row that is one of the article's."""
    found: list[tuple[str, str, str, str]] = ROW.findall((ROOT / document).read_text(encoding="utf-8"))
    return found


def unknown(document: str, shown_by: str) -> list[str]:
    """What a row names that is not there; "nothing named" where it names nothing."""
    wrong = [f"no {kind} {name}" for kind, name in NAMED.findall(shown_by) if name not in KINDS[kind]()]
    wrong += [why for page in PAGE.findall(shown_by) if (why := broken(ROOT / document, page))]
    return wrong if NAMED.search(shown_by) or PAGE.search(shown_by) else ["nothing named"]


def test_every_row_is_listed_once_in_order() -> None:
    assert [row for row, *_ in rows(DOCUMENT)] == ROWS


def test_no_other_page_repeats_the_rows() -> None:
    pages = [str(page.relative_to(ROOT)) for page in DOCUMENTS]
    assert [page for page in pages if rows(page)] == [DOCUMENT]


def test_every_row_has_a_contender_a_scenario_an_experiment_or_a_page_that_exists() -> None:
    assert {row: wrong for row, _, shown_by, _ in rows(DOCUMENT) if (wrong := unknown(DOCUMENT, shown_by))} == {}


def test_every_rows_command_exists() -> None:
    """make knows the target and its settings, the command line the scenarios, experiments and plans in them."""
    commands = {command for *_, command in rows(DOCUMENT)}
    found = {command: refused_of_make(shlex.split(command)) for command in sorted(commands)}
    assert {command: why for command, why in found.items() if why} == {}


def test_a_claims_row_names_its_claim() -> None:
    for row, _, shown_by, _ in rows(DOCUMENT):
        assert (f"claim `{row}`" in shown_by) == row.startswith("C")


def test_the_checks_find_what_is_wrong() -> None:
    """An unknown name, an empty place and a dead page are found."""
    assert unknown("README.md", "contender `cash-aside`") == ["no contender cash-aside"]
    assert unknown("README.md", "somewhere") == ["nothing named"]
    assert unknown("README.md", "page [x](none.md)")
    assert unknown("README.md", "scenario `stampede` and page [x](docs/article.md)") == []
