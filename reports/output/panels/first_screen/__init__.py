"""The first screen of the page: answers, key figures, what can be trusted, and what was not measured."""
