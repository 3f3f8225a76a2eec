"""Everything that touches the outside: database, bus, web, mail, logs. It knows no feature."""
