"""How small do files get, and what does it cost?

For every network: the dense file, compressed as anyone would; int8 by ONNX Runtime; sharing and int8 weights
alone; pruning alone; pruning with each of them. All are real files, and the accuracy of a compressed one is
computed by the file itself.
"""

from benchmarks.common import Sheet, options
from benchmarks.size_files import Files, Made
from benchmarks.size_tables import one_network, summary
from benchmarks.size_tasks import SUBJECTS


def main() -> None:
    """All networks, the quickest first; the sheet is written anew after every seed."""
    names = [subject.name for subject in SUBJECTS]
    with options("size", "How small do files get, and what does it cost?", names) as given:
        sheet = Sheet(given, "Bytes of files")
        results: dict[str, list[dict[str, Made]]] = {}
        for subject in SUBJECTS:
            if subject.name not in given.only:
                continue
            for seed in given.seeds[: subject.seeds]:
                results.setdefault(subject.name, []).append(Files(subject, given, seed).all())
                sheet.put("Summary", summary(results))
                sheet.put(subject.name, one_network(subject, results[subject.name]))
        print(f"\n{sheet}")


if __name__ == "__main__":
    main()
