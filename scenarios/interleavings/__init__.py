"""Situations for the explorer: a few concurrent clients and a fault model, as data. One module per theme."""
