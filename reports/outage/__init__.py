"""What an outage of Redis did to users and database, and the return."""
