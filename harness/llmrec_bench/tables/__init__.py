"""Records -> tables: cells over seeds, changes against a baseline, groups of users."""
