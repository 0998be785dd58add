"""The recipes by name, as data."""
