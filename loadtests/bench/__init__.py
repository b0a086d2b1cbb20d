"""A bench: what the user asked, what is planned from it, and the run."""
