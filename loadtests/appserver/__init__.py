"""An application server: draws its requests, warms its cache, serves, records."""
