"""Runs the cells of a run, one after the other, and reads the servers around and during each."""
