"""``python -m bench`` is the command ``mlpbench``."""

from bench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
