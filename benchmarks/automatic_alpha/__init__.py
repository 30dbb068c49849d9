"""What ``alpha="auto"`` is worth: intervals, optimization, tables, criteria and times."""
