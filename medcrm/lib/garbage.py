"""How does a process that works through thousands of rows keep the garbage collector out of its way?"""

from __future__ import annotations

import gc


def spare_what_stays(**_signal: object) -> None:
    """Take what is loaded for good out of the collector's rounds, a third of the CPU time of dispatch."""
    gc.collect()
    gc.freeze()
