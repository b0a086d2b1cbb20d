"""An application server: it draws its requests, warms its cache, serves requests and records samples."""
