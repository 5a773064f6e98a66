"""``python -m upgrade_tui``: the same as the ``upgrade-tui`` command."""

from upgrade_tui.cli import main

if __name__ == "__main__":
    main()
