"""IN: sockets and REST to raw topics. Generic; a venue is an argument."""
