"""The query process: one parent, workers that answer, and what watches them.

`Parent` forks workers and keeps them; a worker opens the store live and speaks every protocol that has an address
(`worker`). `doctor` looks at a store or a running service and says what is wrong with it and what to do.
"""
