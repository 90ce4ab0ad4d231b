"""What the operator sees: one reactive model of the engine's Snapshot, and pages that only read it."""
