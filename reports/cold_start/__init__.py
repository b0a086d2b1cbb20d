"""What an empty cache costs, with and without warming."""
