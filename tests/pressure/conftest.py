"""What was measured is shown at the end."""

from tests.figures import figures, pytest_terminal_summary

__all__ = ["figures", "pytest_terminal_summary"]
