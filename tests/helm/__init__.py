"""The chart: what is generated, what it renders, what it refuses."""
