"""Closed forms that measurements can be held against, and the section that does so."""
