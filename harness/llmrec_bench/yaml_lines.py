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
    """A safe loader in which `1e-3` is a number, and `on`, `yes`, `1_000`, `1:30` and dates are the words they look
    like."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - a class table of PyYAML
        letter: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] in ("null", "merge")]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_INT = "tag:yaml.org,2002:int"
_Loader.add_implicit_resolver(_INT, re.compile(r"^[-+]?[0-9]+$|^0o[0-7]+$|^0x[0-9a-fA-F]+$"), list("-+0123456789"))
# `010` is ten; PyYAML would read eight.
_Loader.add_constructor(_INT, lambda _, node: int(node.value, 0 if node.value[:2] in ("0o", "0x") else 10))
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
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path) -> Document:
    """Parse a text that stands at `path`. Raises `BenchError` where it is empty or not YAML."""
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            raise BenchError(f"{path}: there is nothing in it")
        document = Document(path)
        document.data = _construct(loader, node, (), document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BenchError(f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        raise BenchError(f"{path}: not valid YAML: {error.reason} at character {error.position}") from None
    finally:
        if loader is not None:
            loader.dispose()
    return document


def _construct(
    loader: _Loader, node: yaml.Node, location: Location, document: Document, around: tuple[yaml.Node, ...] = ()
) -> Any:
    """The node as plain data; `around` are the nodes it stands in."""
    line = node.start_mark.line + 1
    if node in around:
        raise BenchError(f"{document.path}:{line}: an anchor stands inside itself")
    document.lines.setdefault(location, line)
    inside = (*around, node)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, child, (*location, i), document, inside) for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        data: dict[str, Any] = {}
        for key, (key_node, value_node) in _entries(node, document, around).items():
            document.lines[(*location, key)] = key_node.start_mark.line + 1
            data[key] = _construct(loader, value_node, (*location, key), document, inside)
        return data
    try:
        value = loader.construct_object(node, deep=True)
    except (ValueError, KeyError):  # `!!int word`
        value = ()
    if not isinstance(value, str | int | float | None):
        document.mistakes.append((line, f"'{node.value}' is neither text nor a number; leave its tag out"))
        return None
    return value


def _entries(
    node: yaml.MappingNode, document: Document, around: tuple[yaml.Node, ...]
) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key and value nodes by key as written; what `<<` brings in comes first and gives way to the mapping's own."""
    if node in around:
        raise BenchError(f"{document.path}:{node.start_mark.line + 1}: an anchor stands inside itself")
    merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value
        if key_node.tag == "tag:yaml.org,2002:merge":
            parts = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for part in reversed(parts):  # the first one that has a key wins
                if isinstance(part, yaml.MappingNode):
                    merged.update(_entries(part, document, (*around, node)))
                else:
                    document.mistakes.append((line, "'<<' takes a mapping, or a list of mappings"))
        elif not isinstance(key, str) or key_node.tag == "tag:yaml.org,2002:null":
            document.mistakes.append((line, "a key must be a plain word"))
        elif key in own:
            first = own[key][0].start_mark.line + 1
            document.mistakes.append((line, f"key '{key}' stands here a second time (first on line {first})"))
        else:
            own[key] = (key_node, value_node)
    return {**merged, **own}
