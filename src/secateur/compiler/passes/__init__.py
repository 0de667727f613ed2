"""What is done to a graph before it is written as C? Each pass is one file, registered here in its order."""

from collections.abc import Callable, Sequence

import onnx_ir

from secateur.compiler.passes.activations import fuse_activations_
from secateur.compiler.passes.batchnorm import fold_batchnorms_
from secateur.compiler.passes.conv_transposes import conv_transposes_
from secateur.compiler.passes.grids import round_to_grids_
from secateur.compiler.passes.linear import fold_transposes_, fuse_biases_
from secateur.compiler.passes.pads import fold_pads_
from secateur.compiler.passes.recurrent import project_inputs_
from secateur.compiler.passes.residuals import fuse_residuals_
from secateur.compiler.passes.tidy import tidy_
from secateur.compiler.passes.versions import modernize_
from secateur.compiler.passes.volumes import volumes_

PASSES: Sequence[Callable[[onnx_ir.Model], None]] = (
    modernize_,
    round_to_grids_,
    tidy_,
    fold_batchnorms_,
    conv_transposes_,
    fold_pads_,
    fold_transposes_,
    fuse_biases_,
    project_inputs_,
    fuse_residuals_,
    fuse_activations_,
    volumes_,
    tidy_,
)
"""In place, one after the other."""
