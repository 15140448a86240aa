"""A simulated country: people who port their numbers, on a virtual clock, through the real layer into a real chain.

`portdip.porting.simulation.run` is the door.
"""
