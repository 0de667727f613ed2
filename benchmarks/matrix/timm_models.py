"""Which architectures of timm, one or two of each of its families, and how are they built small?"""

from functools import partial
from typing import Any

from benchmarks.matrix import torchvision_on_cpu
from benchmarks.matrix.architecture import Architecture, Input
from torch import nn

NAMES = {
    "timm: convolutional": """
        resnet26t resnext50_32x4d ecaresnet26t legacy_seresnet18 resnetv2_50 resnetv2_50x1_bit
        resnest14d skresnet18 res2net50_14w_8s regnetx_002 regnety_002 regnetv_040 dpn68 dla34
        dla60_res2net hrnet_w18_small densenet121 rdnet_tiny vgg11_bn inception_v3 inception_v4
        inception_resnet_v2 legacy_xception xception41 efficientnet_b0 tf_efficientnet_b0
        efficientnet_lite0 efficientnetv2_rw_t mixnet_s tinynet_e mobilenetv1_100 mobilenetv2_050
        mobilenetv3_small_050 mobilenetv4_conv_small mnasnet_small fbnetc_100 fbnetv3_b
        hardcorenas_a lcnet_050 ghostnet_100 ghostnetv2_100 repghostnet_050 rexnet_100 nf_resnet26
        eca_nfnet_l0 repvgg_a0 mobileone_s0 gernet_s cspresnet50 cs3darknet_s selecsls42
        ese_vovnet19b_dw tresnet_m hgnet_tiny fasternet_t0 starnet_s1 convmixer_768_32 convnext_atto
        convnextv2_atto inception_next_atto poolformer_s12 convformer_s18 mambaout_femto
        focalnet_tiny_srf
    """,
    "timm: transformers": """
        vit_tiny_patch16_224 vit_small_patch32_224 vit_relpos_small_patch16_224
        deit_tiny_distilled_patch16_224 deit3_small_patch16_224 beit_base_patch16_224
        eva02_tiny_patch14_224 swin_tiny_patch4_window7_224 swinv2_tiny_window8_256
        swinv2_cr_tiny_224 cait_xxs24_224 xcit_nano_12_p16_224 pit_ti_224 tnt_s_patch16_224
        twins_svt_small pvt_v2_b0 crossvit_9_240 convit_tiny volo_d1_224 nest_tiny davit_tiny
        gcvit_xxtiny hiera_tiny_224 mvitv2_tiny
    """,
    "timm: convolution and attention": """
        coatnet_nano_rw_224 maxvit_rmlp_pico_rw_256 coat_lite_tiny levit_128s visformer_tiny
        efficientformer_l1 efficientformerv2_s0 mobilevit_xxs mobilevitv2_050 edgenext_xx_small
        fastvit_t8 efficientvit_b0 efficientvit_m0 repvit_m0_9 tiny_vit_5m_224 swiftformer_xs
        caformer_s18 halonet26t botnet26t_256 mobilenetv4_hybrid_medium shvit_s1
    """,
    "timm: MLP": """
        mixer_s32_224 resmlp_12_224 gmlp_ti16_224 gmixer_12_224 sequencer2d_s
    """,
}

SIZES = {  # else 64 pixels for convolutional networks, and what the network is made for for others
    "inception_v3": 96,
    "inception_v4": 96,
    "inception_resnet_v2": 96,
    "vgg11_bn": 224,
}


def timm_models() -> list[Architecture]:
    """At least sixty, across the families."""
    torchvision_on_cpu.prepare()  # timm imports it
    import timm

    return [_architecture(timm, name, family) for family, names in NAMES.items() for name in names.split()]


def _architecture(timm: Any, name: str, family: str) -> Architecture:
    default = 64 if family == "timm: convolutional" else _made_for(timm, name)
    size = SIZES.get(name, default)
    return Architecture(f"timm/{name}", family, partial(_build, name), (Input((3, size, size)),))


def _made_for(timm: Any, name: str) -> int:
    size: int = timm.get_pretrained_cfg(name).input_size[-1]
    return size


def _build(name: str) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name, pretrained=False)
    return model
