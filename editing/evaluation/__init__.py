"""The bench: what inversions, edits and claims are worth, in figures."""
