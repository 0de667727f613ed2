"""Which operators can be compiled, and which of ONNX's own tests of them are passed?

python -m benchmarks.operators --out docs/operators.md
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.operator_cases import OPERATORS, cases, compilable, failures, groups, runtime_agrees

Skipped = Mapping[str, Sequence[tuple[str, str]]]
"""Operator -> (test, reason)."""


def accepts(operator: str) -> str:
    """The first line of its documentation."""
    text = OPERATORS[operator].__doc__ or ""
    return text.splitlines()[0].strip() if text else ""


def page(passed: Mapping[str, Sequence[str]], skipped: Skipped) -> str:
    """The text of `docs/operators.md`."""
    lines = [_HEAD, "| operator | accepts | tests passed | skipped |", "|---|---|---|---|"]
    for operator in sorted(OPERATORS):
        counts = f"{len(passed[operator])} | {len(skipped[operator])}"
        lines.append(f"| {operator} | {accepts(operator)} | {counts} |")
    lines += ["", "## Tests that are skipped, and why", ""]
    for operator in sorted(operator for operator, tests in skipped.items() if tests):
        lines += [f"**{operator}**", ""]
        for reason in dict.fromkeys(reason for _, reason in skipped[operator]):
            names = [f"`{name}`" for name, why in skipped[operator] if why == reason]
            lines.append(f"- {reason}: {', '.join(names)}")
        lines.append("")
    return "\n".join(lines)


_HEAD = """# Operators that can be compiled

Written by `python -m benchmarks.operators --out docs/operators.md`; do not edit.

Shapes are static; elements are of float32, int64, int32, uint8 or bool where nothing else is said. An
operator outside the list is an error that names it. The tests are the node tests that the package `onnx`
ships for backends; a function that is written out in other operators counts as a test of the function.
QuantizeLinear and DequantizeLinear are taken in pairs, as int8 networks have them, and behind constants:
such a network is computed in single precision, on the points of its grids.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the page to write")
    out = parser.parse_args().out
    passed: dict[str, list[str]] = {operator: [] for operator in OPERATORS}
    skipped: dict[str, list[tuple[str, str]]] = {operator: [] for operator in OPERATORS}
    ready = []
    for case in cases():
        fixed, reason = compilable(case)
        if fixed is None:
            skipped[case.operator].append((case.name, reason))
        else:
            ready.append(fixed)
    failed = 0
    for group in groups(ready):
        wrong = failures(group)
        for case in group:
            if case.name not in wrong:
                passed[case.operator].append(case.name)
            elif not runtime_agrees(case):
                skipped[case.operator].append((case.name, "ONNX Runtime answers otherwise, too"))
            else:
                failed += 1
                print(f"{case.name}: {wrong[case.name]}")
    out.write_text(page(passed, skipped))
    counts = [sum(map(len, tests.values())) for tests in (passed, skipped)]
    print(f"{counts[0]} passed, {failed} failed, {counts[1]} skipped")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
