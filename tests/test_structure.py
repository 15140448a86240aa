"""The house rules: which room may import which, how long files and functions may be, and that README is true."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from portdip.cli import application

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "portdip"
README = (ROOT / "README.md").read_text()

#: What a room may import besides itself; data walks the other way.
VALUES = {"errors", "files", "intervals", "number", "route", "settings"}
MAY_IMPORT = {
    "exchange": VALUES,
    "index": {"errors", "files", "intervals"},
    "table": VALUES | {"exchange"},
    "lookup": VALUES | {"exchange", "table", "index"},
    "batch": VALUES | {"exchange", "table", "index", "lookup"},
    "access": VALUES | {"exchange", "table", "index", "lookup"},
    "service": VALUES | {"exchange", "table", "index", "lookup", "access"},
    "porting": VALUES | {"exchange"},
    "capacity": VALUES | {"exchange", "table", "index", "lookup", "batch", "access", "service"},
    "cli": VALUES
    | {"exchange", "table", "index", "lookup", "batch", "access", "service", "porting", "capacity", "portdip"},
    "__main__": {"cli"},
    "portdip": {"lookup", "route"},
    "disk": set(),
    "errors": set(),
    "files": {"disk", "errors"},
    "intervals": {"errors"},
    "number": {"errors"},
    "route": set(),
    "settings": {"errors"},
}

#: Modules that nobody imports by name: `portdip.index.reference` is for callers, the others are found by listing.
FOUND_OTHERWISE = re.compile(
    r"portdip\.(__main__|index\.reference|cli\.\w+|exchange\.feeds\.\w+|exchange\.population\.(cn|nanp)"
    r"|porting\.schema\.(env|versions\.\w+)|batch\.rebuild\.targets\.\w+)"
)

NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "core", "helpers", "models", "misc"}
LINES_MAX = 400
FUNCTION_LINES_MAX = 70

SOURCES = sorted(
    path
    for folder in ("src/portdip", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".pyi", ".pyx", ".pxd", ".h"}
)
CODE = [path for path in SOURCES if path.is_relative_to(PACKAGE)]
MODULES = [path for path in CODE if path.suffix in {".py", ".pyx"}]


def test_the_rules_look_at_something():
    assert {path.suffix for path in CODE} == {".py", ".pyi", ".pyx", ".pxd", ".h"}
    assert len(SOURCES) > 100


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The room, or the module of its own, that a dotted name of the package belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imports(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports or cimports, as dotted names."""
    if path.suffix in {".py", ".pyi"}:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name.startswith("portdip"))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("portdip"):
                yield from resolved(node.module, [alias.name for alias in node.names])
    elif path.suffix in {".pyx", ".pxd"}:
        for package, names in re.findall(
            r"^\s*from\s+(portdip[\w.]*)\s+c?import\s+(\([^)]*\)|.*)", path.read_text(), re.MULTILINE
        ):
            yield from resolved(package, re.findall(r"(?:^|,)\s*\(?\s*(\w+)", names))
        yield from re.findall(r"^\s*c?import\s+(portdip[\w.]*)", path.read_text(), re.MULTILINE)


def resolved(package: str, names: list[str]) -> Iterator[str]:
    """`from package import names`: the modules among the names, and the package for those that are none."""
    for name in names:
        inner = PACKAGE.parent.joinpath(*package.split("."), name)
        is_module = inner.is_dir() or any(inner.with_suffix(suffix).exists() for suffix in (".py", ".pyx", ".pxd"))
        yield f"{package}.{name}" if is_module else package


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = room(module_name(path))
    wrong = {name for name in imports(path) if room(name) not in MAY_IMPORT[own] | {own}}
    assert not wrong, f"{own} may import {sorted(MAY_IMPORT[own])}"


def test_the_index_knows_integers_and_buffers_only():
    for path in (path for path in CODE if room(module_name(path)) == "index"):
        assert not re.search(r"^\s*(from|c?import)\s+pyarrow", path.read_text(), re.MULTILINE), path


#: What compiled modules of other rooms may cimport.
COMPILED_INTERFACES = {"portdip.index._live"}


def test_underscored_modules_are_imported_by_their_own_room_only():
    for path in SOURCES:
        for name in imports(path):
            if "._" in name and path.is_relative_to(PACKAGE) and name not in COMPILED_INTERFACES:
                assert room(name) == room(module_name(path)), f"{path} imports {name}"


def test_every_module_is_used():
    users = [path for path in SOURCES if not path.is_relative_to(ROOT / "tests")]
    used = {name for path in users for name in imports(path)}
    for path in MODULES:
        name = module_name(path)
        if path.name != "__init__.py" and not FOUND_OTHERWISE.fullmatch(name):
            assert name in used, f"nobody imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= LINES_MAX
    for name, first, last in functions(path, lines):
        assert last - first + 1 <= FUNCTION_LINES_MAX, f"{name}, line {first}"


def functions(path: Path, lines: list[str]) -> Iterator[tuple[str, int, int]]:
    """Name, first and last line (from 1) of every function of a file."""
    if path.suffix in {".py", ".pyi"}:
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, node.lineno, node.end_lineno or node.lineno
    elif path.suffix == ".h":
        begins = 0
        for row, line in enumerate(lines, start=1):
            if line.startswith("}"):
                yield lines[begins - 1], begins, row
            elif line and not line[0].isspace() and not line.startswith(("#", "/", " ", "*")):
                begins = row
    else:
        yield from cython_functions(lines)


def cython_functions(lines: list[str]) -> Iterator[tuple[str, int, int]]:
    """A function lasts until a line that is indented no more than its `def`, `cdef` or `cpdef`."""
    opened: list[tuple[str, int, int]] = []  # name, first line, indent
    last = 0
    for row, line in enumerate([*lines, "end"], start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        while opened and indent <= opened[-1][2] and not text.startswith(")"):
            name, first, _ = opened.pop()
            yield name, first, last
        if re.match(r"(def|cdef|cpdef)\b[^=]*\(", text) and not text.startswith("cdef extern"):
            opened.append((text, row, indent))
        last = row


def test_the_rules_read_cython(tmp_path):
    path = tmp_path / "_long.pyx"
    path.write_text(
        "from portdip.table.store cimport (\n    row,\n)\ncimport portdip.number\n"
        "cdef class Kept:\n    cdef int size(\n        self,\n    ) noexcept nogil:\n" + "        pass\n" * 80
    )
    assert set(imports(path)) == {"portdip.table.store", "portdip.number"}
    assert [(first, last) for _, first, last in functions(path, path.read_text().splitlines())] == [(6, 88)]


def test_only_one_module_changes_the_disk():
    """By the system calls of `disk.py`. The twin index excepted, which writes its image in one line."""
    change = re.compile(
        r"""\bopen\([^)]*["'][wax]|\.(write_text|write_bytes|mkdir|rmdir|unlink|touch)\("""
        r"""|\bos\.(open|replace|rename|remove|unlink|fsync)\b|\bshutil\.(rmtree|move|copy)"""
    )
    found = {path.name for path in MODULES if path.name != "files.py" and change.search(path.read_text())}
    assert found == {"disk.py", "reference.py"}


def test_stores_are_read_through_one_module():
    """So that tests can refuse any read of them."""
    read = re.compile(r"""\bopen\(.*["']rb|\.(read_text|read_bytes|iterdir|glob)\(|\bmemory_map\b|\bOSFile\b""")
    rooms = {"table", "index", "lookup"}
    stores = [path for path in MODULES if room(module_name(path)) in rooms and path.name != "reference.py"]
    assert not [path.name for path in stores if read.search(path.read_text().replace("files.read_bytes", ""))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_is_inside(path):
    assert not NAMES_THAT_SAY_NOTHING & set(path.relative_to(ROOT).with_suffix("").parts)


def test_nothing_is_left_for_later():
    left = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    for path in [*SOURCES, ROOT / "Makefile", ROOT / "README.md", ROOT / "pyproject.toml", ROOT / "setup.py"]:
        assert not left.search(path.read_text()), path


def test_tests_mirror_the_package():
    """Every folder of tests is a folder of the package, but `faults` and `interop`, which test the whole."""
    for folder in (ROOT / "tests").rglob("*"):
        if folder.is_dir() and folder.name not in {"__pycache__", "faults", "interop"}:
            assert (PACKAGE / folder.relative_to(ROOT / "tests")).is_dir(), folder


def test_the_map_in_readme_is_the_tree():
    block = re.search(r"```\nsrc/portdip/\n(.*?)```", README, re.DOTALL)
    assert block, "README has no map of src/portdip"
    mapped = [line.split()[0] for line in block[1].splitlines() if line.startswith("  ") and line[2] != " "]
    tree = [
        path.name + "/" * path.is_dir() for path in PACKAGE.iterdir() if path.name not in {"__pycache__", "py.typed"}
    ]
    assert sorted(mapped) == sorted(tree)


def test_every_verb_is_in_readme():
    verbs = set(typer.main.get_command(application()).commands)  # type: ignore[attr-defined]
    rows = "".join(re.findall(r"^\| `portdip [^|\\]*", README, re.MULTILINE))
    table = set(re.findall(r"`portdip ([\w-]+)", rows))
    assert table == verbs


def test_every_verb_of_a_verb_is_in_readme():
    for name, verb in typer.main.get_command(application()).commands.items():  # type: ignore[attr-defined]
        if hasattr(verb, "commands"):
            row = re.search(rf"`portdip {name} ([\w\\|-]+)", README)
            assert row, name
            assert set(row[1].split(r"\|")) == set(verb.commands)
