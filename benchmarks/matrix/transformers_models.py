"""Which architectures of transformers, built from tiny configurations?

Attention is the library's default: `sdpa` wherever an architecture has it, but `eager` for T5 and Swin,
whose `sdpa` PyTorch cannot export. Forward takes positional tensors and answers plain tensors.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from benchmarks.matrix import torchvision_on_cpu
from benchmarks.matrix.architecture import Architecture, Input
from torch import Tensor, nn

WIDTH, VOCABULARY, LENGTH, SIZE = 64, 96, 12, 32
TEXT = Input((LENGTH,), VOCABULARY)
IMAGE = Input((3, SIZE, SIZE))
SOUND = Input((1600,))
SPECTROGRAM = Input((16, 32))

ENCODER = {  # as the text and image encoders call their sizes
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
TEXT_ENCODER = {**ENCODER, "vocab_size": VOCABULARY, "max_position_embeddings": 32}
IMAGE_ENCODER = {**ENCODER, "image_size": SIZE, "patch_size": 8}
DECODER = {**TEXT_ENCODER, "num_key_value_heads": 2, "head_dim": 16, "pad_token_id": 0}
STEPS = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
STEPS |= {"encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "d_model": WIDTH}
SPECIAL = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
SPECIAL |= {"decoder_start_token_id": 1}
STAGES: dict[str, Any] = {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 1, 1]}
WINDOWS: dict[str, Any] = {"image_size": SIZE, "patch_size": 2, "embed_dim": 32, "window_size": 4}
WINDOWS |= {"depths": [2, 2], "num_heads": [2, 4]}
LISTENER: dict[str, Any] = {"conv_dim": [32, 32, 32], "conv_kernel": [10, 3, 2], "conv_stride": [5, 2, 2]}
LISTENER |= {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}


@dataclass(frozen=True)
class Tiny:
    """How one network is made and called.

    Attributes:
        network: class of transformers; its configuration is the class's own.
        options: of the configuration.
        asks: names of forward's arguments, in the order of the inputs.
        inputs: drawn for them.
        answers: attributes of what it answers.
        parts: configurations inside the configuration.
        attention: None is the library's default.
    """

    network: str
    options: dict[str, Any]
    asks: tuple[str, ...] = ("input_ids",)
    inputs: tuple[Input, ...] = (TEXT,)
    answers: tuple[str, ...] = ("logits",)
    parts: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    attention: str | None = None


def _images(network: str, options: dict[str, Any]) -> Tiny:
    return Tiny(network, options, ("pixel_values",), (IMAGE,))


TEXTS = {
    "bert": Tiny("BertForSequenceClassification", TEXT_ENCODER),
    "distilbert": Tiny(
        "DistilBertForSequenceClassification",
        {"vocab_size": VOCABULARY, "dim": WIDTH, "n_layers": 2, "n_heads": 4, "hidden_dim": 128},
    ),
    "roberta": Tiny("RobertaForSequenceClassification", {**TEXT_ENCODER, "pad_token_id": 1}),
    "gpt2": Tiny(
        "GPT2LMHeadModel",
        {"vocab_size": VOCABULARY, "n_positions": 32, "n_embd": WIDTH, "n_layer": 2, "n_head": 4},
    ),
    "llama": Tiny("LlamaForCausalLM", DECODER),
    "mistral": Tiny("MistralForCausalLM", DECODER),
    "qwen3": Tiny("Qwen3ForCausalLM", DECODER),
    "gemma": Tiny("GemmaForCausalLM", DECODER),
    "t5": Tiny(
        "T5ForConditionalGeneration",
        {
            "vocab_size": VOCABULARY,
            "d_model": WIDTH,
            "d_kv": 16,
            "d_ff": 128,
            "num_layers": 2,
            "num_heads": 4,
        },
        ("input_ids", "decoder_input_ids"),
        (TEXT, TEXT),
        attention="eager",
    ),
}
IMAGES = {
    "vit": _images("ViTForImageClassification", IMAGE_ENCODER),
    "deit": _images("DeiTForImageClassification", IMAGE_ENCODER),
    "swin": replace(_images("SwinForImageClassification", WINDOWS), attention="eager"),
    "convnext": _images("ConvNextForImageClassification", {**STAGES, "depths": [1, 1, 2, 1]}),
    "detr": Tiny(
        "DetrForObjectDetection",
        {**STEPS, "num_queries": 6, "backbone": None, "use_timm_backbone": False},
        ("pixel_values",),
        (Input((3, 64, 64)),),
        ("logits", "pred_boxes"),
        {"backbone_config": ("ResNetConfig", {**STAGES, "embedding_size": 16, "out_features": ["stage4"]})},
    ),
    "clip": Tiny(
        "CLIPModel",
        {"projection_dim": 32},
        ("input_ids", "pixel_values"),
        (TEXT, IMAGE),
        ("text_embeds", "image_embeds"),
        {
            "text_config": ("CLIPTextConfig", TEXT_ENCODER),
            "vision_config": ("CLIPVisionConfig", IMAGE_ENCODER),
        },
    ),
}
SOUNDS = {
    "whisper": Tiny(
        "WhisperForConditionalGeneration",
        {**STEPS, **SPECIAL, "num_mel_bins": 16, "max_source_positions": 16, "max_target_positions": 32},
        ("input_features", "decoder_input_ids"),
        (SPECTROGRAM, TEXT),
    ),
    "wav2vec2": Tiny(
        "Wav2Vec2ForCTC",
        {**ENCODER, **LISTENER, "vocab_size": 24, "mask_time_prob": 0.0, "layerdrop": 0.0},
        ("input_values",),
        (SOUND,),
    ),
}


def transformers_models() -> list[Architecture]:
    """One of each architecture."""
    torchvision_on_cpu.prepare()  # transformers looks for it
    sections = (("transformers: text", TEXTS), ("transformers: images and sound", {**IMAGES, **SOUNDS}))
    return [
        Architecture(f"transformers/{name}", family, partial(_build, tiny), tiny.inputs)
        for family, all_of in sections
        for name, tiny in all_of.items()
    ]


def _build(tiny: Tiny) -> nn.Module:
    import transformers

    # Defaults name tokens beyond the tiny vocabulary.
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    network = getattr(transformers, tiny.network)
    parts = {name: getattr(transformers, kind)(**options) for name, (kind, options) in tiny.parts.items()}
    config = network.config_class(**{**tiny.options, **parts})
    config.use_cache = False
    attention = {} if tiny.attention is None else {"attn_implementation": tiny.attention}
    return Positional(network._from_config(config, **attention), tiny.asks, tiny.answers)


class Positional(nn.Module):
    """Tensors in, tensors out, around a network that is called by names and answers a record."""

    def __init__(self, network: Callable[..., Any], asks: tuple[str, ...], answers: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.asks = asks
        self.answers = answers

    def forward(self, first: Tensor, second: Tensor | None = None) -> tuple[Tensor, ...]:
        """The answers in their order."""
        given = [first] if second is None else [first, second]
        record = self.network(**dict(zip(self.asks, given, strict=True)), return_dict=True)
        return tuple(getattr(record, name) for name in self.answers)
