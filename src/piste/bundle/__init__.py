"""The bundle: the repository packed into one text file.

The parts, in the order in which a file passes through them: `listing` (which names),
`ignore` (which of them), `file_reader` (bytes, never out of the tree), `encoding` (bytes to
UTF-8), `compress`, `escapes` (nothing hides), `formats` (the frame); `packing`
puts them together, `manifest` remembers, and `parser` reads a bundle back.

Names are imported when they are used: a run that finds nothing changed pays for
nothing else. It does not know the graph: which files are targets is told to it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from piste.bundle.packing import pack as pack
    from piste.bundle.packing import unchanged as unchanged
    from piste.bundle.parser import parse as parse
    from piste.bundle.report import Report as Report
    from piste.bundle.settings import Settings as Settings

_HOME = {
    "Report": "report",
    "Settings": "settings",
    "pack": "packing",
    "parse": "parser",
    "unchanged": "packing",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
