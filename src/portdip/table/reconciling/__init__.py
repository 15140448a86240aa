"""A table against an authority's full dump, or against another node: digests of blocks first, rows where they differ.

`in_force` and `dump` are the two sides, `digests` what is compared first, `reconcile` the comparison, `differences` and
`tally` what it finds, `corrections` the changes that would mend it.
"""
