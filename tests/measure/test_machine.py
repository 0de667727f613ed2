import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import secateur.measure.machine
from secateur.measure.machine import describe
from secateur.report import schema


def test_every_field_of_the_report_is_there_and_says_something() -> None:
    machine = describe()
    hints = get_type_hints(schema.Machine)
    assert {key: type(value) for key, value in machine.items()} == hints
    assert machine["cores"] >= 1
    assert all(str(value).strip() for value in machine.values())
    assert machine["python"] == ".".join(map(str, sys.version_info[:3]))


def test_the_processor_s_name_is_read_where_the_system_has_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast: Chip 9 @ 3GHz\nflags\t: fpu\n")
    assert secateur.measure.machine._processor(cpuinfo) == "Fast: Chip 9 @ 3GHz"


def test_without_a_name_the_architecture_stands_in(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")  # as on many ARM boards
    for path in (cpuinfo, tmp_path / "absent"):
        assert secateur.measure.machine._processor(path).strip()


def test_neither_torch_nor_onnxruntime_is_imported() -> None:
    code = (
        "import sys; from secateur.measure import latency, machine, runtimes; machine.describe(); "
        "sys.exit(sorted({'torch', 'onnxruntime'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
