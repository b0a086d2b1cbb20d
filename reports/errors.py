"""The error of a report's input. It is in core.errors."""

from core.errors import InputError as InputError
