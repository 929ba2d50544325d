"""What a command says, on its way out: foreign text in it cannot act on a terminal.

A file that is read, a name in it, an exception of somebody's adapter may hold anything. Whatever is
printed passes here, so no command has to think of it.
"""

import io
from typing import TextIO

from records.text import visible


class Visible(io.TextIOBase):
    """A stream that writes to another; what acts on a terminal is shown as an escape.

    JSON stays JSON that says the same. A letter that the stream cannot encode is an escape too.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        self._stream.write(visible(text, len(text)))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()
