"""`python -m thongsuot` is the command line."""

from thongsuot.cli import main

main()
