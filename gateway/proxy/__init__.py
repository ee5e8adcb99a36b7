"""The forwarding path: bytes straight through, records sideways. Never telemetry."""
