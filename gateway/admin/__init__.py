"""The operator's port: metrics and health. Imports telemetry, never proxy."""
