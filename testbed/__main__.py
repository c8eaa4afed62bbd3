"""`python -m testbed`."""

from testbed.serve import main

raise SystemExit(main())
