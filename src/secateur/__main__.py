"""`python -m secateur` is the command line too."""

from secateur.cli import main

if __name__ == "__main__":
    main()
