"""Freshness of reads: each read is classified from the samples alone, by the rules of docs/reference/measures.md."""
