"""What is looked at and what wakes somebody: dashboards and alert rules as code, and pictures of them.

Not part of the installed package: it writes files that Prometheus, Grafana and the chart read.
"""
