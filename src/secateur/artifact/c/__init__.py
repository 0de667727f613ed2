"""The decoder in portable C for devices, and what Python has to say to it.

The sources are data of this package:
`importlib.resources.files("secateur.artifact.c") / "sct_decode.c"`, and `sct_decode.h` beside it.
"""
