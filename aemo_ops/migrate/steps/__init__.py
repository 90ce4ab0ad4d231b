"""The steps of the move, in their order."""
