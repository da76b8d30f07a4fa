"""The fault campaign: kill, pause and cut everything, then prove that the tables did not notice.

Run it with `make chaos`; it is never part of a deployment.
"""
