"""What does report.json hold? One TypedDict per table; `docs/report.md` is the same in words.

A value that could not be had is a `Missing`, which says why, never a null or an absent key.
"""

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from secateur.measure.machine import Machine as Machine  # part of the schema

if TYPE_CHECKING:
    from typing_extensions import TypeIs

SCHEMA = "secateur-report/3"


class Missing(TypedDict):
    """Stands where a value could not be had, and says why."""

    missing: str


class MetricInfo(TypedDict):
    """The yardstick of the task."""

    name: str
    higher_is_better: bool
    kind: Literal["proportion", "mean"]
    checkpoint_chosen_on: str  # "validate" or "evaluate": the latter makes values optimistic


class Latency(TypedDict):
    """Milliseconds of one forward call, over `runs` calls after a warm-up."""

    runtime: str
    threads: int
    batch: int
    median: float
    p10: float
    p90: float
    runs: int


class Entry(TypedDict):
    """One network: how good, how large on disk, how fast."""

    value: float
    n: int
    ci95: list[float] | Missing
    parameters: int  # elements of all parameters
    nonzero: int  # of those, not zero
    sparsity: float  # removed fraction of what the recipe's `measure` counts
    file_bytes: int  # of the real file
    file_format: str  # "safetensors" or "sct"
    latency_ms: Latency | Missing
    steps: int  # optimizer steps after the dense network was handed over


class Layer(TypedDict):
    """One parameter of the network in model.sct."""

    name: str
    shape: list[int]
    elements: int
    nonzero: int
    sparsity: float
    encoding: str
    dense_bytes: int
    bytes: int


class Ratios(TypedDict):
    """Dense / what model.sct holds: above 1 is a gain. Measured on files and clocks, never counted."""

    bytes: float  # dense safetensors file / model.sct
    bytes_without_pruning: float  # dense safetensors file / dense .sct file: compression alone
    parameters: float  # parameters / non-zero parameters
    latency: float | Missing  # dense median / median of model.sct, same runtime, interleaved runs


class CompressionStep(TypedDict):
    """What the network was after one step on its way to the file."""

    name: str  # "dense", "pruned", "shared" (or "quantised", "rounded": before training), "trained on"
    value: float
    ci95: list[float] | Missing
    file_bytes: int
    file_format: str


class CompressionInfo(TypedDict):
    """What sharing or quantising came to, step by step."""

    method: dict[str, Any]  # its name and options
    steps: list[CompressionStep]
    kept: bool  # False: it cost more than `max_drop` and was undone
    drop: float  # from pruned to trained on, in the yardstick's unit, where checkpoints are chosen
    max_drop: float


class Cut(TypedDict):
    """One group of channels or heads, before and after."""

    name: str
    kind: str  # "channels", "heads" or "layers"
    before: int
    after: int


class CutInfo(TypedDict):
    """What cutting channels off came to, and the certificate: the cut network against the masked one."""

    groups: list[Cut]
    multiply_adds: list[int]  # of one example: dense, and what is left
    max_abs_diff: float | Missing  # largest difference of their outputs; missing where the cut was undone
    relative_diff: float | Missing  # the same over the largest output
    inputs: int  # random and real ones that were compared


class CompiledInfo(TypedDict):
    """What model.sct holds as native code, timed in turn with the dense network in ONNX Runtime."""

    dense: Latency  # timed anew, beside the compiled network
    pruned: Latency
    times_faster: float  # dense median / pruned median
    relative_diff: float  # from ONNX Runtime on the same file, over the largest output
    flash_bytes: int  # constants: weights and where they belong
    ram_bytes: int  # working memory


class Certificates(TypedDict):
    """What was checked on this very run."""

    zeros_exact: bool  # every removed element is +0.0 in the saved file
    onnx_max_abs_diff: float  # PyTorch against ONNX Runtime on the example input
    reloaded_max_abs_diff: float  # PyTorch against the reloaded .sct on the example input
    rounded: bool  # whether these differences include the rounding that compression asked for
    masks_sha256: str


class HistoryPoint(TypedDict):
    """One evaluation along a training."""

    step: int
    sparsity: float
    loss: float | Missing  # mean over the steps since the last point
    value: float


class CurvePoint(TypedDict):
    """One point of the trade-off curve."""

    factor: float  # fewer weights, 1 / (1 - sparsity)
    sparsity: float
    value: float
    ci95: list[float] | Missing
    file_bytes: int


class Report(TypedDict):
    """Everything; the text, JSON and HTML reports are views of it."""

    schema: str
    secateur: str
    task: str
    metric: MetricInfo
    dense: Entry
    dense_control: Entry | Missing
    pruned: Entry
    compressed: Entry | Missing  # what the file holds, where it was asked for and kept
    random_baseline: Entry | Missing
    small_dense_baseline: Entry | Missing
    compression: CompressionInfo | Missing
    ratios: Ratios
    cut: CutInfo | Missing  # where whole channels were removed
    compiled: CompiledInfo | Missing  # where this machine has a C compiler, and the operators are known
    layers: list[Layer]
    certificates: Certificates
    history: dict[str, list[HistoryPoint]]  # by entry name: "pruned", "dense_control", ...
    curve: list[CurvePoint] | Missing
    verdict: list[str]  # plain sentences, the honest summary
    files: dict[str, str]  # role -> file name in the run's folder
    recipe: dict[str, Any]
    recipe_fingerprint: str
    seed: int
    machine: Machine
    seconds: dict[str, float]  # by part of the run, and "total", their sum


def is_missing(value: object) -> "TypeIs[Missing]":
    """Whether a field has no value but a reason."""
    return isinstance(value, dict) and set(value) == {"missing"}
