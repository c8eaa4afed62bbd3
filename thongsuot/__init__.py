"""The command line: chooses real parts, paths and exit codes. Wiring only."""
