"""`python -m cryptoflow` is `cryptoflow`."""

from cryptoflow.cli import main

main(prog_name="cryptoflow")
