"""Runs the cells of a run one after the other, and reads the servers before, during and after each cell."""
