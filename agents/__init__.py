"""BETWEEN: Faust agents, raw to normalized. Pure operators, one thin shell."""
