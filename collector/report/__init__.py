"""Reports: one run in the forms that people and machines read. Pure: the same report gives the same bytes."""
