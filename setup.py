"""Compiled parts of portdip: every `.pyx` under `src` is one extension module of the same name.

`PORTDIP_SANITIZE=1` builds them with the address and undefined-behaviour sanitizers (see `make test-full`).
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCE = Path("src")
INDEX = SOURCE / "portdip" / "index"
DIRECTIVES = {
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "language_level": 3,
}


def extension(source: Path) -> Extension:
    flags = ["-O3", "-std=c11"]
    links = []
    if os.environ.get("PORTDIP_SANITIZE"):
        sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
        flags = ["-O1", "-g", "-std=c11", *sanitize]
        links = sanitize
    return Extension(
        ".".join(source.relative_to(SOURCE).with_suffix("").parts),
        [str(source)],
        # A compiled module that uses another room's needs the headers of both.
        include_dirs=[str(source.parent), str(INDEX)],
        depends=[str(header) for room in {source.parent, INDEX} for header in sorted(room.glob("*.h"))],
        extra_compile_args=flags,
        extra_link_args=links,
    )


setup(
    ext_modules=cythonize(
        [extension(source) for source in sorted(SOURCE.rglob("*.pyx"))],
        compiler_directives=DIRECTIVES,
    )
)
