"""The wire of the Interactions API: bytes and values in, values out.

Not here: asyncio, I/O, clocks, loggers, aiohttp, OpenTelemetry, Prometheus. Time is an argument.
"""
