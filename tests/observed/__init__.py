"""Dashboards and rules executed: real gateways under simulated traffic, a real Prometheus, and every query."""
