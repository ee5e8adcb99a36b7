"""What holds for every test: the gate of gate.py."""

pytest_plugins = ["tests.gate"]
