"""`make bench`: the project's figures, measured on the real daemon against the simulated far side.

A row is one figure, beside its goal where it has one. Benchmarks are no tests: a goal that is missed is
printed as MISSED, and the exit status tells only whether measuring worked.
"""
