"""Which rows were not taken, and why? They are kept with their cells, to be mended and sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from leads.importing import files
from leads.importing.kinds import Row
from leads.models import ImportRow, ImportRun
from medcrm.lib import copying


def keep(run: ImportRun, rows: Sequence[Row]) -> Counter[str]:
    """Keep those of the rows that have problems; return how many there are by the code of the first."""
    refused = [row for row in rows if row.problems]
    copying.copy_new(
        [
            ImportRow(
                run=run,
                phase=run.phase,
                row=row.number,
                cells=[cell[: files.KEPT_OF_HUGE] if len(cell) > files.CELL_LIMIT else cell for cell in row.raw],
                problems=[problem.as_json() for problem in row.problems],
            )
            for row in refused
        ]
    )
    return Counter(row.problems[0].code for row in refused)
