"""The ground floor: errors, time, identifiers, text safety and logging. Imports nothing of ours."""
