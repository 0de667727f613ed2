"""Jobs for the processes of the model matrix; importing them is quick, so that limits can be short."""

import os
import sys
import time
from collections.abc import Callable

Tell = Callable[[str], None]


def answer(tell: Tell) -> str:
    tell("work")
    sys.stdout.write("on the way\n")
    sys.stdout.flush()
    return "done"


def spin(tell: Tell) -> None:
    tell("loop")
    while True:
        pass


def grow(tell: Tell) -> None:
    tell("memory")
    kept = bytearray(b"x") * 400_000_000
    time.sleep(60)
    del kept


def crash(tell: Tell) -> None:
    tell("crash")
    os._exit(3)


def fail(tell: Tell) -> None:
    tell("raise")
    raise ValueError("out of luck")
