"""The truth: number to route, in Arrow files; merged, published and read as snapshots.

`schema` says what the files hold, `merge` turns imported rows and the table so far into the next table,
`snapshot` reads one state, `store` keeps the states in order and publishes the next, `reconciling` compares one with an
authority's dump or another node. Imports `exchange` only.
"""
