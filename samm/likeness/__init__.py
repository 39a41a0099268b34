"""Searches that bring an inversion nearer to its photo: refinement of the code, tuning of the generator."""
