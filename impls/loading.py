"""Implementations from elsewhere, in files and entry points, and the import of any of them.

The file of an implementation may import modules that lie beside it: ``import helper`` finds
``helper.py`` there.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from importlib.machinery import all_suffixes
from pathlib import Path

from impls import contract
from impls.contract import Trainer
from impls.errors import ImplementationError
from impls.files import open_plain
from impls.row import Row

ENTRY_POINT_GROUP = "mlpbench.implementations"

_OURS = {"bench", "impls", "reports"}
"""These are imported already, whatever lies beside a file."""
_FOLDERS: set[Path] = set()
"""Where implementations were imported from so far."""


def declared() -> Iterator[Row]:
    """Yield a row for each entry point that an installed package declares."""
    for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        source = entry.dist.name if entry.dist else "an entry point"
        yield Row(entry.name, entry.value, f"from {source}")


def is_in_file(text: str) -> bool:
    """Return whether ``text`` has the form ``path/to/file.py:ClassName``."""
    return text.rpartition(":")[0].endswith(".py")


def in_file(text: str) -> Row | None:
    """Return the row for ``path/to/file.py:ClassName``; None where ``text`` is nothing of the kind.

    The file is read but not run.  ``~`` is the home folder.

    Raises:
        ImplementationError: no such file, not Python, or nothing of that name in it.
    """
    if not is_in_file(text):
        return None
    path, _, class_name = text.rpartition(":")
    file = Path(path).expanduser().resolve()
    _require_class(file, class_name)
    return Row(f"{file.stem}:{class_name}", f"{file}:{class_name}", f"from {file.name}")


def _require_class(file: Path, class_name: str) -> None:
    """Refuse a file that cannot hold the class, without running it."""
    try:
        with open_plain(file) as source:
            tree = ast.parse(source.read(), filename=str(file))
    except OSError as error:
        raise ImplementationError(
            f"cannot read {file}: {error.strerror}. Check the path."
        ) from error
    except (SyntaxError, ValueError) as error:
        raise ImplementationError(f"{file} is not valid Python: {error}") from error
    names = _names_bound(tree)
    if class_name not in names:
        classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        # What is imported or assigned may be a class as well; that is known only when it runs.
        others = f"it binds {', '.join(sorted(names))}" if names else "it binds nothing"
        known = f"it has {', '.join(sorted(classes))}" if classes else others
        raise ImplementationError(
            f"{file.name} has no class {class_name!r} ({known}): check the name after the colon"
        )


def _names_bound(tree: ast.Module) -> set[str]:
    """Return names that a module binds at its top level by a class, an import or an assignment."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def load(row: Row) -> type[Trainer]:
    """Import the implementation of ``row``; the heavy part of a worker's start.

    Raises:
        ImplementationError: the module does not import, has no such class, or that is no trainer.
    """
    address, _, class_name = row.target.rpartition(":")
    is_file = address.endswith(".py")
    try:
        module = _import_file(Path(address)) if is_file else importlib.import_module(address)
    except (Exception, SystemExit) as error:
        # A file from elsewhere may raise anything while it is imported, or end the process.
        kind = type(error).__name__
        raise ImplementationError(
            f"{row.name}: importing {address} raised {kind}: {error}"
        ) from error
    if not hasattr(module, class_name):
        raise ImplementationError(
            f"{row.name}: {address} has no class {class_name!r}: check the name after the colon"
        )
    return _trainer(row, getattr(module, class_name))


def _trainer(row: Row, candidate: object) -> type[Trainer]:
    """Return the ``candidate`` at the address of ``row``, if it can be made and trained with."""
    if not (isinstance(candidate, type) and issubclass(candidate, Trainer)):
        raise ImplementationError(
            f"{row.name} is no implementation: {row.target} is not a subclass of "
            f"{contract.__name__}.Trainer. Derive it from that class, which says what each of its "
            "methods must do."
        )
    if inspect.isabstract(candidate):
        unwritten = ", ".join(sorted(candidate.__abstractmethods__))
        raise ImplementationError(
            f"{row.name} is not complete: {row.target} does not have the methods {unwritten}. "
            f"Write them as {contract.__name__}.Trainer says."
        )
    unknown = sorted(map(str, set(candidate.phases) - set(contract.PHASES)))
    if unknown:
        raise ImplementationError(
            f"{row.name} names phases that do not exist: {', '.join(unknown)}. Its phases may be "
            f"{', '.join(contract.PHASES)}."
        )
    return candidate


def _import_file(path: Path) -> object:
    """Import a file outside any package under a name that no package has.

    As for a script, modules in its folder come before installed ones while it is imported.  What it
    imports later, inside a method, is found there as well, but after what is installed.
    """
    name = f"_mlpbench_implementation_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _forget_namesakes(path.parent)
    _FOLDERS.add(path.parent)
    folder = str(path.parent)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)
    return module


def _forget_namesakes(folder: Path) -> None:
    """Remove imported modules of other folders that have the name of a module in ``folder``."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        is_beside = file and any(Path(file).is_relative_to(other) for other in _FOLDERS - {folder})
        if is_beside and any(_files_of(folder, name.partition(".")[0])):
            del sys.modules[name]


def imported_by(file: Path) -> dict[str, Path]:
    """Return the files below the folder of ``file`` that it imports, each by its path from there.

    Found in the texts, without running any: what is imported by a name that is put together when
    it runs is not among them.
    """
    root = file.parent
    found: dict[str, Path] = {}
    waiting = [file]
    while waiting:
        for path in _imports(waiting.pop(), root):
            name = path.relative_to(root).as_posix()
            if path != file and name not in found:
                found[name] = path
                waiting.append(path)
    return dict(sorted(found.items()))


def _imports(file: Path, root: Path) -> Iterator[Path]:
    """Yield the files below ``root`` that a file imports; none where it is not Python."""
    if file.suffix != ".py":
        return
    try:
        with open_plain(file) as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return  # it counts by its content; importing it raises the error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(root, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = file.parents[node.level - 1] if node.level else root
            if base.is_relative_to(root):
                prefix = f"{node.module}." if node.module else ""
                for alias in node.names:
                    yield from _files_of(base, f"{prefix}{alias.name}")


def _files_of(base: Path, module: str) -> Iterator[Path]:
    """Yield the files below ``base`` that importing ``module`` runs, with those of its packages.

    The last part of the name may be something in a module, and no module itself.
    """
    top, *_ = parts = module.split(".")
    if top in _OURS:
        return
    for number in range(1, len(parts) + 1):
        stem = base.joinpath(*parts[:number])
        candidates = [stem / "__init__.py"]
        candidates += [stem.with_name(f"{stem.name}{suffix}") for suffix in all_suffixes()]
        yield from (path for path in candidates if path.is_file())
