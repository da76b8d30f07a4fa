"""The reference pages under docs/reference, made from the code; `python -m cryptoflow.reference.pages FOLDER`."""
