"""The explorer's errors. They are in core.errors."""

from core.errors import ContenderRefused as ContenderRefused
from core.errors import Died as Died
from core.errors import ExplorerError as ExplorerError
from core.errors import NotJudged as NotJudged
from core.errors import in_one_line as in_one_line
