"""What a node can carry: measured here, compared with another run, and worked out for a network.

`suite` measures (`portdip bench`), `result` is what it leaves, `comparing` holds two of them against each other;
`plan` turns a network's traffic and a result into nodes, cores and memory (`portdip capacity`), `report` shows it.
`machine` says what machine it was, `published` what others say of theirs. Nothing here is needed to answer dips.
"""
