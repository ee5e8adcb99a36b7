"""What holds for every test: the gate of gate.py, and how far property tests look."""

from __future__ import annotations

import os

from hypothesis import settings

pytest_plugins = ["tests.gate", "tests.forwarding"]

# Continuous integration looks where it looked before, so that a change is judged by what it changed; a developer's run
# looks further each time. No deadline: two shared cores have no sense of time.
settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("developer", deadline=None, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "developer")
