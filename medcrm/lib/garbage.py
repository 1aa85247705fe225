"""How does a process that works through thousands of rows keep the garbage collector out of its way?"""

from __future__ import annotations

import gc

# A chunk of an import makes a million objects; the collector's usual rounds over them took a fifth of its time.
ROUNDS = (50_000, 20, 20)


def spare_what_stays(**_signal: object) -> None:
    """Take what is loaded for good out of the collector's rounds, a third of the CPU time of dispatch; make few."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*ROUNDS)
