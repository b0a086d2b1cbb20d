"""What an outage of Redis or of the database did to users, and the return."""
