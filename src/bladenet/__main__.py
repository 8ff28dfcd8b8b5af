"""``python -m bladenet``: the command line."""

from bladenet.cli import app

if __name__ == "__main__":  # processes that joblib starts import this file too
    app(prog_name="bladenet")
