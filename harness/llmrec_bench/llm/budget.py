"""Money a run may spend, watched over all its processes."""

import json
from pathlib import Path

from filelock import FileLock

from llmrec_bench.errors import BenchError


class BudgetReached(BenchError):
    """The next request might pass the budget."""


class Budget:
    """A sum shared by the processes of one run through a small file: what is spent, and what is out for requests
    that are not answered yet."""

    def __init__(self, path: Path, limit_usd: float) -> None:
        self.path, self.limit_usd = path, limit_usd

    def open(self) -> None:
        """Begin a run: nothing spent."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._mark.unlink(missing_ok=True)
        self._write(0.0, 0.0)

    @property
    def spent_usd(self) -> float:
        """So far in this run."""
        return self._read()[0]

    def reserve(self, usd: float) -> None:
        """Set a sum aside before a request. Raises `BudgetReached` where it might pass the budget."""
        with self._lock():
            spent, out = self._read()
            if spent + out + usd > self.limit_usd:
                raise BudgetReached(
                    f"the budget of {self.limit_usd:g} USD: {spent:.4f} spent, {out:.4f} out for requests under way, "
                    f"and the next may cost {usd:.4f}"
                )
            self._write(spent, out + usd)

    def settle(self, reserved_usd: float, spent_usd: float) -> None:
        """Give back what was set aside and note what the request came to."""
        with self._lock():
            spent, out = self._read()
            self._write(spent + spent_usd, max(0.0, out - reserved_usd))

    @property
    def stopped(self) -> bool:
        """Whether a request was left out in this run."""
        return self._mark.exists()

    def stop(self) -> None:
        """Note that a request was left out."""
        self._mark.touch()

    @property
    def _mark(self) -> Path:
        return self.path.with_suffix(".stopped")

    def _lock(self) -> FileLock:
        return FileLock(self.path.with_suffix(".lock"))

    def _read(self) -> tuple[float, float]:
        plain = json.loads(self.path.read_text(encoding="utf-8"))
        return plain["spent_usd"], plain["reserved_usd"]

    def _write(self, spent: float, reserved: float) -> None:
        aside = self.path.with_suffix(".aside")
        aside.write_text(json.dumps({"spent_usd": spent, "reserved_usd": reserved}), encoding="utf-8")
        aside.replace(self.path)
