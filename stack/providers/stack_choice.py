"""The values of --stack. Imports nothing heavy, so that an unknown value is refused at once."""

from typing import Literal

Choice = Literal["auto", "external", "containers", "embedded"]
CHOICES: tuple[Choice, ...] = ("auto", "external", "containers", "embedded")
