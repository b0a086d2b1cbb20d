"""A bench of the user's own web service: open arrivals over HTTP, and the accounts of the servers behind it."""
