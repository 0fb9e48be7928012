"""Who synchronises a system: one elected worker, in both directions, with pauses, watched by operators."""
