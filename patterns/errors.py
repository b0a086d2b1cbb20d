"""The user's errors. They are in core.errors."""

from core.errors import LONGEST as LONGEST
from core.errors import ConfigError as ConfigError
from core.errors import require as require
from core.errors import shortened as shortened
