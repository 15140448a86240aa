"""`python -m portdip`: the command line."""

from portdip.cli import main

if __name__ == "__main__":
    main()
