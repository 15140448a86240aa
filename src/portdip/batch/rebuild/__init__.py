"""Other systems' routing tables, made from a store.

A switch finds the longest beginning of a number that its table has. So everything here is *rules*: a beginning of
numbers and the route of those that begin with it. `content` reads a generation as rules, `aggregate` and `fitting` make
fewer of them that answer the same or nearly, `check` holds them against the engine, `targets` has one module for each
system, and `rebuild` writes a directory that appears when it is whole.
"""
