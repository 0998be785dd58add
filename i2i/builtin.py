"""What core itself announces, through the hooks that any plugin uses."""

from __future__ import annotations

from i2i.cards import DatasetCard, MetricCard
from i2i.plugins import hookimpl


@hookimpl
def datasets() -> list[DatasetCard]:
    """The five kinds of data that core reads."""
    return [
        DatasetCard("images", "i2i.data.images:Images", "Pictures of one kind, without labels or partners."),
        DatasetCard("paired", "i2i.data.paired:Paired", "Source and target pictures that belong together."),
        DatasetCard("unpaired", "i2i.data.unpaired:Unpaired", "Pictures of two domains, without partners."),
        DatasetCard("labelled", "i2i.data.labelled:Labelled", "Pictures with a class or with attributes."),
        DatasetCard("captioned", "i2i.data.captioned:Captioned", "Pictures with sentences."),
    ]


@hookimpl
def metrics() -> list[MetricCard]:
    """The figures that core measures on held-back pictures."""
    return [
        MetricCard("psnr", "i2i.figures:psnr", "Likeness of translations to their targets, in decibels.", "paired"),
        MetricCard(
            "psnr_y", "i2i.figures:psnr_y", "Likeness of enlarged pictures to their targets, in decibels of luma."
        ),
        MetricCard(
            "ssim_y", "i2i.figures:ssim_y", "Likeness of enlarged pictures to their targets in structure, 1 at most."
        ),
        MetricCard(
            "domain_progress",
            "i2i.figures:domain_progress",
            "How far of the way to real pictures of the target translations have come, by colours and textures.",
            "unpaired",
        ),
    ]
