"""The error of a run folder. It is in core.errors."""

from core.errors import RunFolderError as RunFolderError
