"""What is wrong with a machine, its settings, a store or a running service, and what to do about it.

Every check looks at one thing and yields findings; each finding that is not good says how to mend it. Nothing here
changes anything, and no check takes longer than a moment: `portdip verify` is what reads every byte.
"""

from portdip.service.doctor.check import Finding, Level, examine

__all__ = ["Finding", "Level", "examine"]
