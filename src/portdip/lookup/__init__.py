"""One question, one answer: the generation that dips read, and the engine that answers from it."""
