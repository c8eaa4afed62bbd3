"""What a run leaves behind: types, schema, writer and reader. Imports nothing else of the project."""
