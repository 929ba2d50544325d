"""Foreign text made visible: nothing hidden, nothing endless."""

import re

LONGEST = 20_000
"""Characters of one text that are shown."""

_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)  # can reorder a line
_CONTROLS = (*(code for code in range(32) if chr(code) not in "\n\t"), *range(0x7F, 0xA0))
_SHOWN = (
    {code: f"\\x{code:02x}" for code in _CONTROLS}
    | {code: f"\\u{code:04x}" for code in _BIDI}
    | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)  # lone surrogates are not encodable
)
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


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
