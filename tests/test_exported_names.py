"""The public names are pinned: adding or losing one is a decision."""

import subprocess
import sys

import secateur


def test_names() -> None:
    assert " ".join(secateur.__all__) == (
        "CURVE FPGM LAMP Activation Blocks BnScale Calibration Channels Codebook CompiledModel "
        "Compression Distillation Elements ErdosRenyi Fisher Gates GlobalRank Gradual GroupLasso Growing "
        "Half Heads Int8 Isomorphic Iterative Layers Magnitude Masks Metric Network NofM OneShot Pruner "
        "Random Recipe Recovery Result SecateurError Task Taylor Uniform Wanda WeightOnly __version__ "
        "compile compress cut cuttable find_masks load prune refit_ save"
    )


def test_every_name_is_there() -> None:
    assert all(getattr(secateur, name) is not None for name in secateur.__all__)
    assert dir(secateur) == sorted(secateur.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(secateur, "prun")


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, secateur; sys.exit(bool({'torch', 'numpy', 'onnx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
