"""Figures of portdip, each a ratio against a peer or a physical limit measured in the same run.

`make bench` runs them all, prints one table and keeps it as dated JSON under `benchmarks/results/`. Each module is a
group with `figures(size)`; groups run in processes of their own, so that none inherits another's memory. Times are
interleaved: every round runs all candidates in turn, ratios are taken inside a round, medians over the rounds. On a
machine with other work, trust ratios and repeat what surprises.

Each group has a smoke size, which the tests run so that benchmarks cannot rot. It measures nothing worth quoting.
"""
