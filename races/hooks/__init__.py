"""The servers and clients of an exploration, with every round trip scheduled."""
