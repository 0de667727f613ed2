"""How do a graph's names reach C?"""

SIGNS = " ,._-:"


def comment(text: str) -> str:
    """Only in comments. Names are anyone's text: ASCII letters, digits and a few signs are left of them."""
    return "".join(c if c.isascii() and (c.isalnum() or c in SIGNS) else "_" for c in text)[:100]
