from portdip.access._responder import Responder
from portdip.access.pdb_carriers import PdbTables
from portdip.lookup.generation import Generation

class PdbResponder(Responder):
    """Answers Kamailio's pdb requests from one generation. Unchanging; any number of threads may use it."""

    def __init__(self, generation: Generation, tables: PdbTables) -> None: ...
