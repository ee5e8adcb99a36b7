"""What the dashboards ask, as named PromQL: a file a topic. A name says the question, its panel says how to read it.

None of them needs a recording rule: the dashboards work for who imports nothing else.
"""
