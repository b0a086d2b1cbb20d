"""What was learned: everything here comes out of a run folder."""
