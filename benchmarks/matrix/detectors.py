"""What of a torchvision detector is a network: everything that has weights, image in and heads' answers out.

Between them a detector selects boxes (thresholds, sorting, non-maximum suppression, RoIAlign): code without
weights whose output jumps when a score changes in its last bit, so that no two runs could be compared. Here
the heads of all feature maps answer, and the pooling of a predicted box is a resize of the whole feature map
to the same fixed size.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate


class OneStage(nn.Module):
    """RetinaNet, FCOS, SSD: a backbone with feature maps, and one head for all of them."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone: nn.Module = detector.backbone
        self.head: nn.Module = detector.head

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """What the head says of every anchor: classes, boxes, and centerness where there is one."""
        features = self.backbone(images)
        return tuple(self.head(list(features.values())).values())


class TwoStage(nn.Module):
    """Faster, Mask and Keypoint R-CNN: a backbone, a head that proposes boxes, and heads for a box."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone: nn.Module = detector.backbone
        self.proposer: nn.Module = detector.rpn.head
        heads = detector.roi_heads
        self.sizes: list[tuple[int, int]] = [pool.output_size for pool in _pools(heads)]
        self.heads = nn.ModuleList(_stacks(heads))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Proposals of each feature map, then what each head says of each, pooled whole."""
        features = list(self.backbone(images).values())
        scores, boxes = self.proposer(features)
        answers = [*scores, *boxes]
        for size, head in zip(self.sizes, self.heads, strict=True):
            for feature in features:
                answer = head(interpolate(feature, size=size, mode="bilinear", align_corners=False))
                answers += list(answer) if isinstance(answer, tuple) else [answer]
        return tuple(answers)


def _pools(heads: Any) -> list[Any]:
    pools = (heads.box_roi_pool, heads.mask_roi_pool, heads.keypoint_roi_pool)
    return [pool for pool in pools if pool is not None]


def _stacks(heads: Any) -> list[nn.Module]:
    stacks: list[nn.Module] = [nn.Sequential(heads.box_head, heads.box_predictor)]
    if heads.mask_roi_pool is not None:
        stacks.append(nn.Sequential(heads.mask_head, heads.mask_predictor))
    if heads.keypoint_roi_pool is not None:
        stacks.append(nn.Sequential(heads.keypoint_head, heads.keypoint_predictor))
    return stacks


class Flow(nn.Module):
    """RAFT: two images, and two rounds of refinement instead of twelve, which run the same weights."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
        """The flow after each round."""
        return tuple(self.network(first, second, num_flow_updates=2))
