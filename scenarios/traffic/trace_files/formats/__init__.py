"""One file for each format of traces."""
