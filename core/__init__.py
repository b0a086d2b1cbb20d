"""Code that every room may use: errors, files, secrets, safe text, closed forms. It imports no other room."""
