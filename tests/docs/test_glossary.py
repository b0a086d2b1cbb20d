"""The glossary of the report page says the same as docs/glossary.md."""

from stampede.reports.output.panels.glossary import GLOSSARY
from tests.docs.documents import ROOT
from tests.docs.test_language import WORD


def test_the_report_explains_words_as_the_glossary_does() -> None:
    """Each word of the page is a word of docs/glossary.md with the same text, and both have the same order."""
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8").replace("`", "")
    documented = {word: " ".join(said.split()) for word, said in WORD.findall(text)}
    assert {word: documented.get(word) for word in GLOSSARY} == GLOSSARY
    assert list(GLOSSARY) == [word for word in documented if word in GLOSSARY]
