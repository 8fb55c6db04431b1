"""YAML 1.2 scalars, every duplicate key, and the line of every entry: what good error messages need."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from llmrec_bench.errors import BenchError

Location = tuple[str | int, ...]
"""Keys and list positions from the root of a document down to one entry."""


class _Loader(yaml.SafeLoader):
    """A safe loader in which `1e-3` is a number, and `on`, `yes` and dates are the words they look like."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - a class table of PyYAML
        letter: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:float", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
        ]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"
    ),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass
class Document:
    """A YAML file as plain data, with the line each entry stands on."""

    path: Path
    data: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    mistakes: list[tuple[int, str]] = field(default_factory=list)
    """Duplicate and odd keys, as (line, message)."""

    def line(self, location: Location) -> int:
        """The line of an entry, or of the nearest thing around it that is there."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def read_yaml(path: Path) -> Document:
    """Parse a file. Raises `BenchError` where it is missing, empty or not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BenchError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path}: cannot be read ({error})") from None
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise BenchError(f"{path}: the file is empty")
        document = Document(path)
        document.data = _construct(loader, node, (), document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BenchError(f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        raise BenchError(f"{path}: not valid YAML: {error.reason} at character {error.position}") from None
    finally:
        loader.dispose()
    return document


def _construct(loader: _Loader, node: yaml.Node, location: Location, document: Document) -> Any:
    document.lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, child, (*location, i), document) for i, child in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node, deep=True)
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        line = key_node.start_mark.line + 1
        key = loader.construct_object(key_node, deep=True) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str | int | float | bool):
            document.mistakes.append((line, "a key must be a plain word"))
        elif key in seen:
            document.mistakes.append((line, f"key '{key}' stands here a second time (first on line {seen[key]})"))
        else:
            seen[key] = line
    loader.flatten_mapping(node)  # resolves `<<: *anchor`
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            continue
        key = str(loader.construct_object(key_node, deep=True))
        document.lines[(*location, key)] = key_node.start_mark.line + 1
        data[key] = _construct(loader, value_node, (*location, key), document)
    return data
