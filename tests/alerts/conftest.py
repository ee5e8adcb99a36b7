"""What was measured, at the end of the run."""

from tests.figures import figures, pytest_terminal_summary

__all__ = ["figures", "pytest_terminal_summary"]
