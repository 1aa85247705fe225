"""The page a caller lives in: one lead from handoff to result, the list of what is owed, and what was typed on the way."""
