"""Fill the templates of a kind of plugin and write the package."""

import importlib
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from llmrec_bench.errors import BenchError
from llmrec_bench.plugins import Catalog
from llmrec_bench.scaffold.names import Names, new_names
from llmrec_bench.testing.options_lock import keep_options

_SHARED = "shared"
_METHOD_CLASSES = {"method": "{}", "stage": "By{}"}
"""The method that a package of a kind has, after the plugin's own class."""


def write_package(kind: str, name: str, folder: Path, catalog: Catalog) -> list[Path]:
    """Write a package with one plugin into a folder that is empty or not there; the files, in order.

    Raises `BenchError` for a name that is none or taken, and for a folder with something in it or that cannot be
    written.
    """
    names = new_names(kind, name, catalog)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BenchError(f"{folder}: is there already and not empty; choose another place with --into, or remove it")
    texts = dict(_texts(names))
    try:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{folder}: cannot be written ({error.strerror})") from None
    written = [folder / path for path in texts]
    if kind in _METHOD_CLASSES:
        written.append(_keep_options(names, folder))
    return sorted(written)


def _texts(names: Names) -> Iterator[tuple[str, str]]:
    """(path in the package's folder, text) of every file."""
    values = {
        "kind": names.kind,
        "name": names.name,
        "class_name": names.class_name,
        "distribution": names.distribution,
        "package": names.package,
        "module": names.module,
    }
    templates = files("llmrec_bench.scaffold") / "templates"
    for folder in (_SHARED, names.kind):
        for template in sorted((templates / folder).iterdir(), key=lambda found: found.name):
            yield _place(template, names), Template(template.read_text(encoding="utf-8")).substitute(values)


def _place(template: Traversable, names: Names) -> str:
    """`package.method.py.txt` is `method.py` in the package, `tests.test.py.txt` is `tests/test_NAME.py`."""
    name = template.name.removesuffix(".txt")
    where, _, rest = name.partition(".")
    if where == "package":
        return f"{names.package}/{rest}"
    if where == "tests":
        own = names.name.lower().replace("-", "_")
        return f"tests/{rest.replace('test.py', f'test_{own}.py')}"
    return name


def _keep_options(names: Names, folder: Path) -> Path:
    """The options of the package's method at its first version, which its own tests compare with."""
    sys.path.insert(0, str(folder.absolute()))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(f"{names.package}.{names.module}")
        return folder / keep_options(getattr(module, _METHOD_CLASSES[names.kind].format(names.class_name))).relative_to(
            folder.resolve()
        )
    finally:
        sys.path.remove(str(folder.absolute()))
        for loaded in [name for name in sys.modules if name.split(".")[0] == names.package]:
            del sys.modules[loaded]
