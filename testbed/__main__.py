"""`python -m testbed`."""

from testbed.supervisor import main

raise SystemExit(main())
