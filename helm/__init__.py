"""The chart's generated parts: values.schema.json and README.md, from the lines of values.yaml and the settings.

Not here: the chart itself (interactions-gateway/), which Helm reads without any of this.
"""
