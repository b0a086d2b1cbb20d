"""The ground floor: what every part may use. It imports nothing of this project."""
