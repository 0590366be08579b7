"""Entry point `python -m n3hyper.cli`, for use where the script is not on the PATH."""

from n3hyper.cli import main

if __name__ == "__main__":
    main()
