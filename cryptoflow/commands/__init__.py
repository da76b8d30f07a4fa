"""One file per command of the CLI; each exports COMMAND and imports what is heavy only when it runs."""
