"""The rules of config/rules by promtool, their settings, and the runbook that they lead to."""
