"""How is a network of one's own pruned? A GRU that hears which digit was spoken.

This file began as what `secateur init` writes; the four marked places were then changed. Run it with

    secateur prune --task task.py:SpokenDigits --recipe recipe.toml --out run

The clips are the Free Spoken Digit Dataset: six people say each digit fifty times. SECATEUR_DATA names
the folder that holds `data/fsdd_8k_1s.npz`; without it, a folder `shared` beside the repository is tried.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from secateur import Metric

Batch = tuple[Tensor, Tensor]

RATE = 8000  # samples per second
WINDOW, HOP = 256, 160  # samples: 32 ms looked at, every 20 ms
BANDS = 32
HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("SECATEUR_DATA", HERE / "../../../shared")).resolve()
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "secateur"


class Listener(nn.Module):
    """(batch, 51 frames, 32 bands) -> (batch, 10 digits): a GRU, averaged over time."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        hidden = max(1, round(128 * width))
        self.gru = nn.GRU(BANDS, hidden, batch_first=True)
        self.digit = nn.Linear(hidden, 10)

    def forward(self, frames: Tensor) -> Tensor:
        states, _ = self.gru(frames)
        logits: Tensor = self.digit(states.mean(1))
        return logits


class SpokenDigits:
    """There is no base class: secateur asks for these members by name."""

    training_steps = 800

    def __init__(self) -> None:
        # (1) Data. Each person recorded each digit 50 times, numbered 0 to 49. A recording is in one set
        # only: 0 to 4 are for the report (the split of the data set's authors), 5 to 9 choose checkpoints,
        # the others are trained on. All sets have the same six voices, so nothing is said about new ones.
        clips, labels, recording = read_clips(DATA / "data" / "fsdd_8k_1s.npz")
        train, valid, test = recording >= 10, (recording >= 5) & (recording < 10), recording < 5
        frames = log_mel(clips)
        mean, std = frames[train].mean((0, 1)), frames[train].std((0, 1))  # of each band, training clips only
        frames = (frames - mean) / std
        self.train_set, self.valid_set, self.test_set = ((frames[s], labels[s]) for s in (train, valid, test))

        # (2) The trained network.
        self.model: nn.Module = Listener()
        self._load_or_train()

        self.example_inputs = (frames[:1],)

    def batches(self) -> Iterator[Batch]:
        """(3) One epoch; each batch is shifted in time by up to 0.1 s."""
        frames, labels = self.train_set
        for rows in torch.split(torch.randperm(len(labels)), 64):
            yield frames[rows].roll(int(torch.randint(-5, 6, ())), dims=1), labels[rows]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        frames, labels = batch
        return F.cross_entropy(model(frames), labels)

    def evaluate(self, model: nn.Module) -> Metric:
        """(4) The yardstick of the report."""
        return accuracy(model, self.test_set)

    def validate(self, model: nn.Module) -> Metric:
        return accuracy(model, self.valid_set)

    def narrow(self, width: float) -> nn.Module:
        return Listener(width)

    def _load_or_train(self) -> None:
        """Train once; later runs read the weights, as long as this file is the one they came from."""
        code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
        weights = CACHE / f"spoken_digits-{code}.pt"
        if not weights.exists():
            print(f"Training the dense network once; its weights are kept in {weights} ...", flush=True)
            self._train_dense()
            CACHE.mkdir(parents=True, exist_ok=True)
            unfinished = weights.with_suffix(f".{os.getpid()}.tmp")
            torch.save(self.model.state_dict(), unfinished)
            unfinished.replace(weights)  # never a half-written file
        self.model.load_state_dict(torch.load(weights, weights_only=True))
        self.model.eval()

    def _train_dense(self) -> None:
        torch.manual_seed(0)
        self.model = Listener()
        optimizer = torch.optim.Adam(self.model.parameters(), lr=4e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.training_steps)
        done = 0
        while done < self.training_steps:
            for batch in self.batches():
                optimizer.zero_grad()
                self.loss(self.model, batch).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                done += 1
                if done == self.training_steps:
                    break


def read_clips(path: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Sound in [-1, 1) as (clips, samples), the digit, and the number of the recording."""
    if not path.is_file():
        raise SystemExit(
            f"The spoken digits are not at {path}. Set SECATEUR_DATA to the folder that holds "
            "data/fsdd_8k_1s.npz."
        )
    with np.load(path) as arrays:
        sound, digit, recording = (torch.from_numpy(arrays[name]) for name in ("x", "y", "index"))
    return sound.float() / 32768, digit.long(), recording


def log_mel(clips: Tensor) -> Tensor:
    """(clips, samples) -> (clips, frames, bands): how loud each band is in each frame, as a logarithm."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(clips, WINDOW, HOP, window=window, return_complex=True).abs() ** 2
    return torch.log(mel_filters() @ spectrum + 1e-5).transpose(1, 2)  # 1e-5: silence is not -infinity


def mel_filters() -> Tensor:
    """(bands, frequencies): overlapping triangles, evenly spaced in mel, that is, as ears hear pitch."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    corners = torch.from_numpy(700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)).float()[:, None]
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    frequency = torch.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rising, falling = (frequency - low) / (middle - low), (high - frequency) / (high - middle)
    return torch.minimum(rising, falling).clamp_min(0)


def accuracy(model: nn.Module, examples: Batch) -> Metric:
    frames, labels = examples
    right = int((model(frames).argmax(1) == labels).sum())
    return Metric("accuracy", right / len(labels), n=len(labels))
