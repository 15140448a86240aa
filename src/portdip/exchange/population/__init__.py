"""Synthetic ported numbers on a real or synthetic numbering plan, for tests, demos and capacity runs.

No authority publishes its ported numbers, so they are drawn from a model of what is known of them (`model`):
how many of a block are ported, to whom, when, how often twice, how many came back. A plan (`numbering_plan`)
says which blocks of 10,000 numbers exist, who holds them and which routes lead out of them: `cn` is the
Chinese plan as the installed package `phone` has it, with synthetic routing numbers; `nanp` is synthetic
throughout and crowded with routes.

    >>> from portdip.exchange import population
    >>> chunks = population.draw(population.plan("nanp"), numbers=1000, seed=7, share=0.16)
    >>> sum(len(chunk.numbers) for chunk in chunks)
    1000
"""

from portdip.exchange.population.columns import write, write_ranges
from portdip.exchange.population.model import Chunk, draw
from portdip.exchange.population.numbering_plan import NAMES, Plan, plan

__all__ = ["NAMES", "Chunk", "Plan", "draw", "plan", "write", "write_ranges"]
