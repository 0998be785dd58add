"""BigGAN where few pictures tell their class: the other labels are inferred (Lucic et al., 2019, arXiv:1903.02271).

s2gan trains a labeller first, and then two players by its labels, in the shared step. s2gan-co has none: the
discriminator itself names classes by its features, learns that of the known, and where it is told none takes what it
names. s3gan is s2gan whose discriminator tells turns, too. Labels are hard, and nothing is learnt through them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

import i2i
from i2i_zoo import recipe
from i2i_zoo.biggan import BigGAN
from i2i_zoo.bounds import Weight
from i2i_zoo.methods.labeller import Classifier, Clusters, Labeller
from i2i_zoo.moment import Moment
from i2i_zoo.objectives.classes import CLASSES, cross_entropy
from i2i_zoo.parts import Element, Judged

LABELLER = "labeller"  # the phase, its optimizer, and the network


class Predictor(Element):
    """D: weight CE(classes of the real pictures that are known), of a head on the features that it judges by."""

    needs = frozenset({"labels", "classes", "told"})
    teaches = CLASSES

    def __init__(self, weight: float = Weight(1.0)) -> None:
        super().__init__()
        self.weight = weight

    def discriminator(self, now: Moment, real: Judged, fake: Judged) -> i2i.Terms:
        return {"classes": self.weight * cross_entropy(real.classes, real.labels)}


class FewLabels(BigGAN):
    """Two players whose discriminator infers the classes that it is not told."""

    takes_unlabelled = True


class S2GAN(BigGAN):
    """A labeller, and two players that are trained by its labels."""

    takes_unlabelled = True

    @dataclass(frozen=True, kw_only=True)
    class Options(recipe.Recipe):
        labeller: Literal["classifier", "cluster"] = i2i.option(
            "classifier", help="What infers labels: a classifier of the few, or clusters, which need none."
        )
        clusters: int = i2i.option(50, help="How many clusters there are.", min=2)
        labeller_part: float = i2i.option(0.1, help="Part of the run that trains the labeller.", min=0.01, max=0.9)
        labeller_width: int = i2i.option(64, help="Channels of the labeller's first block.", min=1)
        labeller_lr: float = i2i.option(1e-3, help="Learning rate of the labeller, which falls from half-time.", min=0)
        labelled_weight: float = i2i.option(1.0, help="Weight of known classes beside turns, in the labeller.", min=0)

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        found = clustered(spec, options.clusters) if options.labeller == "cluster" else spec
        if not found.num_labels or found.extra.get("labels") == "attributes":
            raise ValueError(
                "--labeller classifier learns of pictures with classes: data of the kind labelled, a folder for each "
                "class; use --labeller cluster, which needs none"
            )
        height, width = spec.image_size
        if height != width:
            raise ValueError(
                f"pictures of {height}x{width} are of another size once they are turned by 90 degrees, which teaches "
                f"the labeller; use --image-size {min(height, width)} without --image-width"
            )
        super().__init__(options, found)
        self.names, self.spec = found.domains, spec
        sizes = self.shape.channels, height, options.labeller_width
        self.labeller: Labeller = (
            Clusters(*sizes, options.clusters)
            if options.labeller == "cluster"
            else Classifier(*sizes, self.shape.classes, options.labelled_weight)
        )

    def phases(self) -> list[i2i.Phase]:
        played = [replace(each, name=each.name.replace("train", "gan")) for each in super().phases()]
        part = self.options.labeller_part
        share = sum(each.share for each in played) * part / (1 - part)
        return [i2i.Phase(LABELLER, share, i2i.linear_decay(0.5)), *played]

    def optimizers(self, phase: i2i.Phase) -> dict[str, Optimizer]:
        if phase.name == LABELLER:
            return {LABELLER: Adam(self.labeller.parameters(), self.options.labeller_lr)}
        return super().optimizers(phase)

    def train_step(self, batch: i2i.Batch, progress: i2i.Progress) -> i2i.Updates:
        if progress.phase.name == LABELLER:
            yield LABELLER, self.labeller.terms(batch)
        else:
            yield from super().train_step(self.labelled(batch), progress)

    def finish(self, phase: i2i.Phase, batches: Iterable[i2i.Batch]) -> None:
        if phase.name == LABELLER:
            self.labeller.look(batches)

    def labelled(self, batch: i2i.Batch) -> i2i.Batch:
        """A batch whose labels are all known: told, or inferred."""
        return batch | {"label": self.labeller.label(batch)}

    def diagnose(self, training: Iterable[i2i.Batch], held_back: Iterable[i2i.Batch]) -> dict[str, float]:
        return super().diagnose(map(self.labelled, training), map(self.labelled, held_back))

    def targets(self) -> tuple[str, ...]:
        return () if self.shape.generator_conditioning == "none" else self.names

    def preview(self, examples: Sequence[tuple[i2i.Batch, Any]]) -> list[dict[str, Tensor]]:
        *drawn, real = super().preview(examples)
        return [*drawn, {f"{title}: {self.named(image)}": image for title, image in real.items()}]

    def named(self, image: Tensor) -> str:
        """What the labeller says of a picture (C, H, W)."""
        unknown = torch.full((1,), -1, device=image.device)
        return self.names[int(self.labeller.label({"image": image[None], "label": unknown}))]


def clustered(spec: i2i.DataSpec, clusters: int) -> i2i.DataSpec:
    """Data as two players see it whose classes are clusters."""
    extra = {key: value for key, value in spec.extra.items() if key != "labels"}
    names = tuple(f"cluster-{number}" for number in range(1, clusters + 1))
    return replace(spec, domains=names, num_labels=clusters, extra=extra)
