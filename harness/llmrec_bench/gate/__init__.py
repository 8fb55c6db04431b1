"""Whether a suite's numbers got worse since a baseline that was kept."""
