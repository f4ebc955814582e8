"""`python -m scalebench_analysis`, the same as `scalebench-plot`."""

import sys

from .cli import main

sys.exit(main())
