"""The page a caller lives in: one lead from handoff to result, what is owed next, and what was typed on the way."""
