"""What `portdip bench` measures: the dips a customer's machine answers, and what keeps them current.

Everything is set up first, for every size; then every probe takes one sample in each round, in turn, so that what
disturbs the machine for a minute disturbs all figures alike. The first round does not count. `running` does all of it.
"""
