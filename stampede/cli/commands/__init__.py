"""The commands: one file for each group of them. A command checks its input, then imports what it needs."""
