"""What records become: metrics, traces, log lines, and a view of what is going on.

Not here: how bytes are forwarded or read. Imports values of wire, records and config; never proxy.
"""
