"""Foreign text made visible: nothing hidden, nothing endless."""

import re

LONGEST = 20_000
"""Characters of one text that are shown."""
LONGEST_LINE = 2_000
"""Characters of a message that is to be one line."""

_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x61C)
"""Can reorder a line."""
_LINE_ENDS = (0x2028, 0x2029)
_CONTROLS = (*(code for code in range(32) if chr(code) not in "\n\t"), *range(0x7F, 0xA0))
_MARKED = {
    code: f"\\x{code:02x}" if code < 32 else f"\\u{code:04x}"  # as JSON has it, which may hold them
    for code in (*_CONTROLS, *_BIDI, *_LINE_ENDS)
}
_SHOWN = _MARKED | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)  # these are not encodable
_HIDDEN = re.compile(f"[{re.escape(''.join(map(chr, _MARKED)))}\ud800-\udfff]")


def visible(text: str, longest: int = LONGEST) -> str:
    """Return the text with control characters made visible, cut with a note where too long."""
    left_out = len(text) - longest
    if left_out > 0:
        text = text[:longest]
    text = text.replace("\r\n", "\n")
    if _HIDDEN.search(text):
        text = text.translate(_SHOWN)
    if left_out > 0:
        text += f" … [cut here: {left_out:,} more characters are in the records]"
    return text


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Return the text visible in one line; of a longer one the beginning."""
    return visible(text.replace("\n", "\\n"), longest)
