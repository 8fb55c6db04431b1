"""A student distilled elsewhere, on another data set for one (SLIM*)."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from llmrec_bench import BenchError, Config, StageRun
from llmrec_bench_plugins.stages.causal_models import (
    ADAPTER,
    adapter_files,
    base_identity,
    content,
    load,
    model_files,
    written_out,
)
from llmrec_bench_plugins.stages.distilled_student import REPORT
from llmrec_bench_plugins.stages.weights_fault import weights_fault

if TYPE_CHECKING:
    from llmrec_bench_plugins.blocks.text_generation import CausalModel


class StudentFolder(Config):
    """A LoRA adapter or a whole model in a folder, such as the artifact of a `distilled-student` of another suite."""

    kind: Literal["folder"] = "folder"
    """Distilled before; nothing is learned here."""
    path: Path
    """The folder. Results know it by its content, so that it may be moved."""
    base: str | None = Field(None, min_length=1)
    """Of an adapter: the model it was trained on, a folder or a hub id; null takes the one that the adapter names."""
    revision: str | None = Field(None, min_length=1)
    """Only for a hub id: its branch, tag or commit."""

    def identity(self) -> dict[str, Any]:
        """Folders by their content. Raises `BenchError` for a folder that lacks a part, and for an adapter that was
        trained on another model."""
        folder = self._folder
        if not self._is_adapter:
            if not folder.is_dir():
                raise BenchError(self._no_folder)
            if self.base is not None:
                raise BenchError(f"{folder}: a whole model, which has no `base`; leave it out")
            return {"kind": self.kind, "path": content(model_files(folder))}
        files, base = adapter_files(folder), base_identity(self._base, self.revision)
        report = folder / REPORT
        if report.exists():
            meant = json.loads(report.read_text(encoding="utf-8"))["base"]
            # Of a hub's model and a folder nobody can tell whether they are one.
            if meant != base and meant.startswith("sha256:") == base.startswith("sha256:"):
                raise BenchError(
                    f"{folder}: an adapter for another model than {self._base}: trained on {meant:.30}, not on "
                    f"{base:.30}; give its own as `base`"
                )
        return {"kind": self.kind, "path": content(files), "base": base}

    def fault(self, device: str) -> str | None:
        """That the folder lacks a part, or the weights are not on this machine or do not fit the device's memory."""
        if not self._folder.is_dir():
            return self._no_folder
        if not self._is_adapter:
            return weights_fault(str(self._folder), None, device)
        try:
            adapter_files(self._folder)
            return weights_fault(self._base, self.revision, device)
        except BenchError as error:
            return str(error)

    def trained(self, run: StageRun) -> "CausalModel":
        """The student. Raises `BenchError` where it cannot be loaded, or does not fit its base."""
        self.identity()
        if self._is_adapter:
            return load(self._base, self.revision, run.device, self._folder)
        return load(str(self._folder), None, run.device)

    @property
    def _folder(self) -> Path:
        return written_out(self.path)

    @property
    def _no_folder(self) -> str:
        return f"{self._folder}: no such folder; a student is a folder with a model or a LoRA adapter"

    @property
    def _is_adapter(self) -> bool:
        return (self._folder / ADAPTER[0]).exists()

    @property
    def _base(self) -> str:
        settings = json.loads((self._folder / ADAPTER[0]).read_text(encoding="utf-8"))
        base = self.base or settings.get("base_model_name_or_path")
        if not base:
            raise BenchError(f"{self._folder}: an adapter that does not name its model; give it as `base`")
        return str(base)
