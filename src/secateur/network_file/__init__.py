"""How is a network that is only a file read, called and given inputs? Needs no torch."""
