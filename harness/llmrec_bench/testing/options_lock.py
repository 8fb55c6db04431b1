"""The options of a distribution's methods as they were at their versions, in a file beside its code."""

import hashlib
import json
from pathlib import Path
from typing import Any

from llmrec_bench.errors import BenchError
from llmrec_bench.method import Method
from llmrec_bench.testing.home import home_of

FILE = "method_options.json"
"""In the folder of the outermost package, or beside a module in no package. Method -> version, and a hash by option."""


def lock_fault(kind: type[Method]) -> str | None:
    """Why the version of a method does not go with its options; None where it does.

    Raises `BenchError` where the file cannot be read.
    """
    path = lock_path(kind)
    update = f"bench check {kind.name} --update"
    kept = _read(path).get(kind.name)
    if kept is None:
        return f"{path} says nothing of '{kind.name}' yet; {update} writes it"
    now = options_of(kind)
    if kept["options"] == now:
        return None if kept["version"] == kind.version else f"version {kind.version} is not kept yet; {update} does it"
    names = [name for name in {**kept["options"], **now} if kept["options"].get(name) != now.get(name)]
    if kept["version"] != kind.version:
        return f"version {kind.version} and its options ({', '.join(names)}) are not kept yet; {update} does it"
    return (
        f"{', '.join(names)}: not as kept for version {kind.version}; raise the version where the same options may now "
        f"give other scores, then {update}"
    )


def keep_options(kind: type[Method]) -> Path:
    """Write what a method's options are at its version; the path of the file, in which other methods stay as they
    are. Raises `BenchError` where it cannot be read or written."""
    path = lock_path(kind)
    kept = {**_read(path), kind.name: {"version": kind.version, "options": options_of(kind)}}
    try:
        path.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path}: cannot be written ({error.strerror})") from None
    return path


def lock_path(kind: type[Method]) -> Path:
    """Where the file is, or would be."""
    home = home_of(kind)
    return (home if home.is_dir() else home.parent) / FILE


def options_of(kind: type[Method]) -> dict[str, str]:
    """By option, 8 hex digits over its type, bounds and default, whatever its sentence says."""
    schema = kind.Config.model_json_schema(mode="validation")
    parts = schema.get("$defs", {})
    return {
        name: hashlib.sha256(json.dumps(_bare(option, parts), sort_keys=True).encode()).hexdigest()[:8]
        for name, option in schema.get("properties", {}).items()
    }


def _bare(schema: Any, parts: dict[str, Any], around: frozenset[str] = frozenset()) -> Any:
    """A schema without words, its references written out, except those to what they stand in (`around`)."""
    if isinstance(schema, list):
        return [_bare(part, parts, around) for part in schema]
    if not isinstance(schema, dict):
        return schema
    words = {"title", "properties", "$ref", *(["description"] if isinstance(schema.get("description"), str) else [])}
    # A default is no schema: an option inside it may be called `title`, and is kept.
    bare = {
        name: part if name == "default" else _bare(part, parts, around)
        for name, part in schema.items()
        if name not in words
    }
    if "properties" in schema:  # an option may be called `title`
        bare["properties"] = {name: _bare(part, parts, around) for name, part in schema["properties"].items()}
    if "$ref" not in schema:
        return bare
    name = schema["$ref"].rsplit("/", 1)[-1]
    if name in around:
        return {"$ref": name, **bare}
    return {**_bare(parts[name], parts, around | {name}), **bare}  # what stands beside a reference, such as a default


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        kept: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise BenchError(f"{path}: is not JSON ({error}); delete it and run bench check --update") from None
    return kept
