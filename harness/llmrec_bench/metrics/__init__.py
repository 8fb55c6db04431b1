"""Metric formulas over ranks and top lists, in numpy only."""
