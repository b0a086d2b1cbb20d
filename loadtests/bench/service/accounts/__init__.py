"""What the servers behind a service count while it is called. Everything here only reads."""
