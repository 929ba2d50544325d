"""What a target answered to one case: tensors, a refusal, or the way it died."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Observation:
    """One target's answer to one case.

    `ended` says how: "answered" with a dict of arrays per step; "raised" and "declined" with the
    tensors up to there; "crashed", "timed out" or "broken adapter" without any. `conventions` are
    those the adapter declares for this case, `{field: (option, source)}`. `log` is the end of what
    the process wrote, where it died.
    """

    ended: str
    steps: tuple[dict[str, np.ndarray], ...] = ()
    conventions: dict[str, tuple[object, str]] = field(default_factory=dict)
    message: str = ""
    log: str = ""
    retry: str = ""
    seconds: float = 0.0
