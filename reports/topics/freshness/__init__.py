"""How fresh what was read was: each read judged from the samples alone, by the rules of docs/reference/measures.md."""
