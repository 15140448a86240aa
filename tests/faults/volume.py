"""What a disk may hold after the power went: a model of a file system that keeps what was synced, and perhaps more.

A file's bytes are sure once the file was synced, a name once its directory was. Whatever was done since may have
reached the medium or not, in any order: of the writes any subset, each torn at 512 or 4,096 bytes; a file as long as
it was, with zeros or rubbish where bytes are missing; of the names made, moved and taken away any subset. One thing is
taken for granted, as journalling file systems have it: one rename is one step, and syncing either of its directories
makes all of it sure.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTORS = (512, 4096)

#: Where, and the bytes; None to cut the file there.
Write = tuple[int, bytes | None]


@dataclass(eq=False)
class File:
    """A file: its bytes, those at the last sync, and what was written since."""

    content: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    unsynced: list[Write] = field(default_factory=list)

    def write(self, offset: int, content: bytes) -> None:
        _apply(self.content, (offset, content), bytes)
        self.unsynced.append((offset, content))

    def truncate(self, size: int) -> None:
        _apply(self.content, (size, None), bytes)
        self.unsynced.append((size, None))

    def sync(self) -> None:
        self.synced = bytes(self.content)
        self.unsynced.clear()

    def after_power_cut(self, chance: random.Random) -> bytes:
        """Its bytes, as they may be."""
        left = chance.choice(("none", "all", "some", "first"))
        if left == "none" or not self.unsynced:
            return self.synced
        if left == "all":
            return bytes(self.content)
        kept = list(_torn(self.unsynced, chance.choice(SECTORS)))
        if left == "some":
            kept = [write for write in kept if chance.random() < 0.5]
        else:
            del kept[chance.randrange(len(kept) + 1) :]
        rubbish = chance.choice((bytes, bytes, chance.randbytes))
        content = bytearray(self.synced)
        for write in kept:
            _apply(content, write, rubbish)
        if chance.random() < 0.5:
            _apply(content, (max(len(content), len(self.content)), b""), rubbish)
        return bytes(content)


def _apply(content: bytearray, write: Write, rubbish: Callable[[int], bytes]) -> None:
    """Do one write; where it begins beyond the end, `rubbish` gives what is between."""
    offset, written = write
    if written is None:
        del content[offset:]
    else:
        content.extend(rubbish(max(0, offset - len(content))))
        content[offset : offset + len(written)] = written


def _torn(writes: list[Write], sector: int) -> Iterator[Write]:
    """The writes cut where sectors of the medium begin."""
    for offset, content in writes:
        if content is None:
            yield offset, None
            continue
        end = offset + len(content)
        while offset < end:
            cut = min(end, (offset // sector + 1) * sector)
            yield offset, content[len(content) - (end - offset) : len(content) - (end - cut)]
            offset = cut


@dataclass(eq=False)
class Directory:
    """A directory: what its names lead to, now and when the recording began."""

    names: dict[str, Node] = field(default_factory=dict)
    begun: dict[str, Node] = field(default_factory=dict)


Node = File | Directory


@dataclass(eq=False)
class Naming:
    """One step in which names changed: (directory, name, what it leads to, None for nothing)."""

    changes: list[tuple[Directory, str, Node | None]]
    synced: bool = False


class Volume:
    """The files below the directory `path`, all of them synced; then what is done to them, by paths from there."""

    def __init__(self, path: Path) -> None:
        self.root = _loaded(path)
        self._namings: list[Naming] = []

    def node(self, path: str) -> Node:
        node: Node = self.root
        for name in Path(path).parts:
            assert isinstance(node, Directory)
            node = node.names[name]
        return node

    def exists(self, path: str) -> bool:
        parent, name = self._place(path)
        return name in parent.names

    def create(self, path: str) -> None:
        self._name((path, File()))

    def mkdir(self, path: str) -> None:
        self._name((path, Directory()))

    def unlink(self, path: str) -> None:
        self._name((path, None))

    rmdir = unlink

    def rename(self, source: str, target: str) -> None:
        node = self.node(source)
        self._name((source, None), (target, node))

    def sync(self, node: Node) -> None:
        """Make sure of a file's bytes, or of a directory's names."""
        if isinstance(node, File):
            node.sync()
        else:
            for naming in self._namings:
                naming.synced |= any(directory is node for directory, _, _ in naming.changes)

    def after_power_cut(self, chance: random.Random) -> dict[str, bytes | None]:
        """The files, as bytes, and directories, as None, that may be there then, by path from the root."""
        left = chance.choice(("none", "all", "some", "first"))
        unsynced = [naming for naming in self._namings if not naming.synced]
        first = chance.randrange(len(unsynced) + 1)
        share = {"none": 0.0, "all": 1.0, "some": 0.5, "first": 1.0}[left]
        candidates = unsynced[:first] if left == "first" else unsynced
        kept = {id(naming) for naming in candidates if chance.random() < share}
        names: dict[int, dict[str, Node]] = {}
        for naming in self._namings:
            if naming.synced or id(naming) in kept:
                for directory, name, node in naming.changes:
                    entries = names.setdefault(id(directory), dict(directory.begun))
                    if node is None:
                        entries.pop(name, None)
                    else:
                        entries[name] = node
        found: dict[str, bytes | None] = {}

        def walk(directory: Directory, path: str) -> None:
            for name, node in sorted(names.get(id(directory), directory.begun).items()):
                if isinstance(node, File):
                    found[path + name] = node.after_power_cut(chance)
                else:
                    found[path + name] = None
                    walk(node, f"{path}{name}/")

        walk(self.root, "")
        return found

    def _name(self, *changes: tuple[str, Node | None]) -> None:
        naming = Naming([])
        for path, node in changes:
            directory, name = self._place(path)
            if node is None:
                del directory.names[name]
            else:
                directory.names[name] = node
            naming.changes.append((directory, name, node))
        self._namings.append(naming)

    def _place(self, path: str) -> tuple[Directory, str]:
        parent = self.node(str(Path(path).parent))
        assert isinstance(parent, Directory)
        return parent, Path(path).name


def _loaded(path: Path) -> Directory:
    names: dict[str, Node] = {}
    for inner in path.iterdir():
        if inner.is_dir():
            names[inner.name] = _loaded(inner)
        else:
            content = inner.read_bytes()
            names[inner.name] = File(bytearray(content), content)
    return Directory(names, dict(names))


def materialise(state: dict[str, bytes | None], path: Path) -> None:
    """Make the files and directories of a state below `path`, which is made too."""
    path.mkdir()
    for name, content in state.items():
        if content is None:
            (path / name).mkdir()
        else:
            (path / name).write_bytes(content)
