"""Annotation of many files as one job: cut into shards, done by processes, resumable.

    OUT/<path as in the input>        one file a shard, in the format of its input
    OUT/_portdip/job.json             the job: the question, the state of the store, the shards
    OUT/_portdip/<shard>.json         a shard that is done: its rows by status and carrier, size and xxh3-64
    OUT/_portdip/lock                 held by who works on it
    OUT/_SUCCESS                      there when every shard is done: the same of all together

A shard is a CSV or Arrow file, or some row groups of a Parquet file. Its result appears whole, by renaming, and what
says that it is done appears after it; so whatever stops a job, `--resume` does the rest. All shards answer from one
state of the store, that of the beginning.
"""
