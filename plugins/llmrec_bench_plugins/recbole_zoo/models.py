"""RecBole's models by name: which of them run as methods, and why the others do not. RecBole itself is not imported."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import yaml

from llmrec_bench import BenchError

Family = Literal["sequential", "general", "context-aware", "knowledge-aware", "exlib"]
"""RecBole's own families."""

INSTALL = "install it on Python 3.11: pip install recbole==1.2.1"

SEQUENTIAL = (
    *("BERT4Rec", "CORE", "Caser", "FDSA", "FEARec", "FOSSIL", "FPMC", "GCSAN", "GRU4Rec", "GRU4RecCPR", "GRU4RecF"),
    *("HGN", "HRM", "LightSANs", "NARM", "NPE", "NextItNet", "RepeatNet", "S3Rec", "SASRec", "SASRecCPR", "SASRecF"),
    *("SHAN", "SINE", "SRGNN", "STAMP", "TransRec"),
)
"""Models that read a user's latest items in order."""
GENERAL = (
    *("AsymKNN", "BPR", "CDAE", "ConvNCF", "DGCF", "DMF", "DiffRec", "EASE", "ENMF", "FISM", "GCMC"),
    *("ItemKNN", "LINE", "LightGCN", "MacridVAE", "MultiDAE", "MultiVAE", "NAIS", "NCEPLRec", "NGCF", "NNCF", "NeuMF"),
    *("Pop", "SGL", "SLIMElastic", "SimpleX", "SpectralCF"),
)
"""Models of who has which item, without order."""
CLOSED_FORM = ("AsymKNN", "EASE", "ItemKNN", "NCEPLRec", "Pop", "SLIMElastic")
"""Those of them that count or solve, without epochs."""
OneVector = Literal[
    "CORE",
    "Caser",
    "GCSAN",
    "GRU4Rec",
    "LightSANs",
    "NARM",
    "NextItNet",
    "SASRec",
    "SINE",
    "SRGNN",
    "STAMP",
]
"""Sequential models of ids alone that read items by one table of item vectors, and score them by the same and one
vector of the user."""
Fusible = Literal["BERT4Rec", OneVector]
"""All that read and score items by one table; BERT4Rec has a vector for each place that it hides."""

_CONTEXT = "predicts clicks from features of users and contexts"
_KNOWLEDGE = "needs a knowledge graph"
_TREES = "predicts clicks from features by a tree library"
REFUSED: Mapping[str, tuple[Family, str]] = {
    "ADMMSLIM": ("general", "adds random noise to its scores, other at every look"),
    "DIEN": ("sequential", _CONTEXT),
    "DIN": ("sequential", _CONTEXT),
    "GRU4RecKG": ("sequential", "needs vectors of a knowledge graph"),
    "KSR": ("sequential", "needs vectors of a knowledge graph"),
    "LDiffRec": ("general", "needs item vectors of another trained model and the package kmeans_pytorch"),
    "NCL": ("general", "needs the package faiss and a clustering between epochs"),
    "RaCT": ("general", "is trained in three stages of its own"),
    "Random": ("general", "draws anew at every look; `random` of this project does not"),
    "RecVAE": ("general", "trains encoder and decoder in turns of its own"),
    **dict.fromkeys(
        (
            *("AFM", "AutoInt", "DCN", "DCNV2", "DSSM", "DeepFM", "EulerNet", "FFM", "FM", "FNN", "FiGNN", "FwFM"),
            *("KD_DAGFM", "LR", "NFM", "PNN", "WideDeep", "xDeepFM"),
        ),
        ("context-aware", _CONTEXT),
    ),
    **dict.fromkeys(
        ("CFKG", "CKE", "KGAT", "KGCN", "KGIN", "KGNNLS", "KTUP", "MCCLK", "MKR", "RippleNet"),
        ("knowledge-aware", _KNOWLEDGE),
    ),
    **dict.fromkeys(("lightgbm", "xgboost"), ("exlib", _TREES)),
}
"""Models that do not run as methods: their family, and why."""

NEED_FEATURES = ("FDSA", "GRU4RecF", "S3Rec", "SASRecF")
"""Models of item features."""
FEATURES = ("attributes", "category")
"""The item columns that these read, the first that there is."""
PERSONAL = ("Caser", "FOSSIL", "FPMC", "HGN", "HRM", "NPE", "SHAN", "TransRec")
"""Sequential models that also have a vector for each user."""

UNUSED = {"transform", "save_step", "train_stage", "pre_model_path", "selected_features"}
UNUSED |= {"item_attribute", "pretrain_path", "use_pretrain", "mf_pretrain_path", "mlp_pretrain_path", "train_method"}
"""RecBole's options that the adapter decides itself, or that would read a file of weights."""


@dataclass(frozen=True)
class ZooModel:
    """One of RecBole's models."""

    name: str
    """RecBole's own, of its class and its YAML file."""
    family: Family
    reason: str = ""
    """Why it does not run; empty where it does."""


MODELS: list[ZooModel] = sorted(
    [
        *(ZooModel(name, "sequential") for name in SEQUENTIAL),
        *(ZooModel(name, "general") for name in GENERAL),
        *(ZooModel(name, family, reason) for name, (family, reason) in REFUSED.items()),
    ],
    key=lambda model: model.name,
)


def model_named(name: str) -> ZooModel:
    """The model of that name."""
    return next(model for model in MODELS if model.name == name)


@cache
def package() -> Path | None:
    """Where RecBole is installed; None where it is not. Nothing of it is run."""
    found = find_spec("recbole")
    return Path(found.origin).parent if found is not None and found.origin is not None else None


def missing(model: ZooModel) -> str:
    """Why the model does not run here, in a clause; empty where it does."""
    folder = package()
    if model.reason:
        return model.reason
    if folder is None:
        return f"needs RecBole, which is not installed; {INSTALL}"
    if not (folder / "model" / f"{model.family}_recommender" / f"{model.name.lower()}.py").exists():
        return f"is not in the RecBole that is installed; {INSTALL}"
    return ""


def own_options(name: str) -> dict[str, Any]:
    """The options of a model with RecBole's defaults, from its YAML file; empty where RecBole is not installed.

    What only RecBole's own trainer reads is left out.
    """
    return {key: value for key, value in _defaults(f"model/{name}").items() if key not in UNUSED}


def all_settings(name: str) -> dict[str, Any]:
    """RecBole's defaults for all models, with those of one model over them. Raises `BenchError` without RecBole."""
    if package() is None:
        raise BenchError(f"recbole:{name}: RecBole is not installed; {INSTALL}")
    return {**_defaults("overall"), **_defaults(f"model/{name}")}


def _defaults(file: str) -> dict[str, Any]:
    folder = package()
    path = None if folder is None else folder / "properties" / f"{file}.yaml"
    return _read(path) if path is not None and path.exists() else {}


@cache
def _read(path: Path) -> dict[str, Any]:
    return {key: _number(value) for key, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items()}


def _number(value: Any) -> Any:
    """`1e-5` is a text to YAML 1.1 and a number to RecBole."""
    if isinstance(value, list):
        return [_number(part) for part in value]
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d+e-?\d+", value) else value
