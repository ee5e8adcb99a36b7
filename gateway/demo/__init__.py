"""The demonstration: a simulated API, the gateway in front of it, sample clients, and a line for each interaction."""
