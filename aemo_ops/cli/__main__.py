import sys

from aemo_ops.cli import main

sys.exit(main())
