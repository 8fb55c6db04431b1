"""Four users, six items, and results that are written down rather than run."""

from ..written_study import study

__all__ = ["study"]
