"""How each venue's frames are read for `verify`; `_reader` says how a reader is written."""
