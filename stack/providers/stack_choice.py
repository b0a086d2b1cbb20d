"""Where a command's servers may come from. It imports nothing, so that a wrong choice is refused at once."""

from typing import Literal

Choice = Literal["auto", "external", "containers", "embedded"]
CHOICES: tuple[Choice, ...] = ("auto", "external", "containers", "embedded")
