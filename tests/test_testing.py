"""The test kit: check_model passes on what keeps the contract and says what is wrong with what does not."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

import i2i
from i2i.plugins import registry
from i2i.testing import check_model, synthetic_batch, synthetic_spec

HERE = "contract_models_of_tests"


class Good(i2i.Model):
    """Two networks and two optimizers; one of them is updated in every third step."""

    run_defaults = {"batch_size": 2}  # noqa: RUF012

    @dataclass(frozen=True, kw_only=True)
    class Options(i2i.Options):
        lr: float = i2i.option(0.1, help="Learning rate.", min=0)

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.net = nn.Conv2d(3, 3, 1)
        self.critic = nn.Conv2d(3, 1, 1)
        self.register_buffer("seen", torch.zeros(()))

    def optimizers(self, phase: i2i.Phase) -> dict[str, torch.optim.Optimizer]:
        nets = {"net": self.net, "critic": self.critic}
        return {name: torch.optim.SGD(net.parameters(), self.options.lr, momentum=0.9) for name, net in nets.items()}

    def train_step(self, batch: Any, progress: i2i.Progress) -> Iterator[Any]:
        image = batch["image"]
        fake = self.net(image)
        if progress.step % 3 == 2:
            yield "critic", {"gan": self.critic(fake.detach()).mean()}
        yield "net", {"l1": (fake - image).abs().mean(), "gan": -self.critic(fake).mean()}
        yield None, {"seen": self.seen}

    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return self.net(inputs["source"]).clamp(-1, 1)


class Sparing(Good):
    """Trains nothing that an optimizer has in the second of its phases."""

    def phases(self) -> list[i2i.Phase]:
        return [i2i.Phase("coarse", 1, image_scale=0.5, batch_size=3), i2i.Phase("fine", 99, image_size=(16, 24))]

    def train_step(self, batch: Any, progress: i2i.Progress) -> Iterator[Any]:
        wanted = {"coarse": (3, 3, 16, 16), "fine": (2, 3, 16, 24)}
        assert batch["image"].shape == wanted[progress.phase.name]
        yield from super().train_step(batch, progress)


class Started(Good):
    """Needs its look at the data."""

    def start(self, phase: Any, batches: Any) -> None:
        assert not torch.is_grad_enabled()
        self.seen.fill_(len(list(batches)))

    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        assert self.seen == 2
        yield from super().train_step(batch, progress)


class Drawing(Good):
    """Draws of a seed and a class, which the seed draws where it is not told."""

    inputs = ()

    def targets(self) -> tuple[str, ...]:
        return ("cat", "dog")

    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        animal = self.targets().index(request.to) if request.to else request.seed % 2
        generator = torch.Generator().manual_seed(request.seed)
        return (self.net(torch.randn(1, 3, 8, 8, generator=generator)) + animal).tanh()

    def preview(self, examples: Any) -> Any:
        return [{name: self.translate({}, self.Request(to=name))[0]} for name in self.targets()]

    def grid(self, request: Any) -> Any:
        return [[(name, dataclasses.replace(request, to=name)) for name in self.targets()]]


class Seedless(Drawing):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return super().translate(inputs, dataclasses.replace(request, seed=2))


class Several(Drawing):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return super().translate(inputs, request).expand(2, -1, -1, -1)


class Gray(Drawing):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return super().translate(inputs, request)[:, :1]


class Learning(Drawing):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            return super().translate(inputs, request)


class Keeping(Drawing):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        self.seen += 1
        return super().translate(inputs, request)


class Searching(Drawing):
    latent_shape = (3, 1, 1)

    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        if "latent" in inputs:
            return self.net(inputs["latent"].expand(1, 3, 8, 8)).tanh()
        return super().translate(inputs, request)

    def find(self, wanted: Any, request: Any) -> Any:
        latent = torch.zeros(3, 1, 1, requires_grad=True)
        for step in range(1, 100):
            like = torch.lerp(wanted["like"], wanted["stroke"], wanted["mask"]) if "mask" in wanted else wanted["like"]
            distance = (self.net(latent[None].expand(1, 3, 8, 8)).tanh() - like.mean()).square().mean()
            (slope,) = torch.autograd.grad(distance, latent)
            latent = (latent - slope).detach().requires_grad_()
            yield step, 99, distance.item(), latent


class Wide(Searching):
    latent_shape = (3,)


class Counted(Searching):
    def find(self, wanted: Any, request: Any) -> Any:
        for step, *rest in super().find(wanted, request):
            yield step - 1, *rest


class Pale(Drawing):
    def preview(self, examples: Any) -> Any:
        return [{}]


class Untitled(Drawing):
    def grid(self, request: Any) -> Any:
        return [[(request, "cat")]]


class Unknown(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield "nets", {"l1": self.net(batch["image"]).mean()}


class Swapped(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        fake = self.net(batch["image"])
        yield "net", {"gan": self.critic(fake.detach()).mean()}
        yield "critic", {"l1": fake.mean()}


class Forgotten(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield "net", {"l1": self.net(batch["image"]).mean()}


class Sneaky(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        with torch.no_grad():
            self.critic.weight.add_(1)
        yield "net", {"l1": self.net(batch["image"]).mean()}


class Pictures(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield "net", {"l1": self.net(batch["image"]).mean((1, 2, 3))}


class Floats(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield "net", {"l1": self.net(batch["image"]).mean().item()}


class Constant(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield "net", {"l1": self.net(batch["image"]).detach().mean()}


class NotANumber(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield "net", {"l1": self.net(batch["image"]).mean() / 0}


class Silent(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield from ()


class Within(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        with torch.no_grad():
            yield None, {"l1": self.net(batch["image"]).mean()}


class Odd(Good):
    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        yield self.net(batch["image"]).mean()


class Bright(Good):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return self.net(inputs["source"]).clamp(-1, 1) + 3


class Blind(Good):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return self.net(inputs["source"]) * float("nan")


class Small(Good):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return self.net(inputs["source"])[:, :, 1:].clamp(-1, 1)


class First(Good):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        return self.net(inputs["source"])[:1].clamp(-1, 1)


class Counting(Good):
    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        self.seen.add_(1)
        return self.net(inputs["source"]).clamp(-1, 1)


class Moody(Good):
    generator: torch.Generator | None = None

    def translate(self, inputs: Any, request: Any) -> torch.Tensor:
        self.generator = self.generator or torch.Generator().manual_seed(3)
        return torch.rand(inputs["source"].shape, generator=self.generator)


class Forgetful(Good):
    """Keeps its step counter where no checkpoint finds it."""

    count = 0

    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        self.count += 1
        fake = self.net(batch["image"])
        yield "net", {"l1": fake.mean() * self.count}
        yield "critic", {"gan": self.critic(fake.detach()).mean()}


class Hidden(Good):
    """Has a random network that no checkpoint holds."""

    def __init__(self, options: Any, spec: i2i.DataSpec) -> None:
        super().__init__(options, spec)
        self.teacher = i2i.networks.Frozen(nn.Conv2d(3, 3, 1))

    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        fake = self.net(batch["image"])
        yield "net", {"l1": (self.teacher(batch["image"]) - fake).square().mean()}
        yield "critic", {"gan": self.critic(fake.detach()).mean()}


class Undocumented(Good):
    @dataclass(frozen=True, kw_only=True)
    class Options(Good.Options):
        depth: int = 3


class Defaults(Good):
    run_defaults = {"batchsize": 2}  # noqa: RUF012


class Tiny(Good):
    small = {"image_size": 12, "batch_size": 4}  # noqa: RUF012


class Tinier(Good):
    small = {"imagesize": 12}  # noqa: RUF012


class Eager(Good):
    eager = ("judge",)


class Twins(Good):
    def phases(self) -> list[i2i.Phase]:
        return [i2i.Phase("train"), i2i.Phase("train")]


class Narrow(Good):
    """Works in float32 alone."""

    def train_step(self, batch: Any, progress: Any) -> Iterator[Any]:
        fake = self.net(batch["image"])
        yield "net", {"l1": fake.mean() / (fake.dtype == torch.float32)}
        yield "critic", {"gan": self.critic(fake.detach()).mean()}


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[type[i2i.Model]], i2i.Model]]:
    """Announce a class of this file and check it."""
    announced: list[i2i.ModelCard] = []

    class Plugin:
        @staticmethod
        @i2i.hookimpl
        def models() -> list[i2i.ModelCard]:
            return announced

    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])
    registry().manager.register(Plugin, name="test_testing")

    def run(cls: type[i2i.Model], **more: Any) -> i2i.Model:
        announced[:] = [i2i.ModelCard("checked", f"{HERE}:{cls.__name__}", "images", "Checked.")]
        return check_model("checked", **more)

    yield run
    registry().manager.unregister(Plugin)


@pytest.mark.parametrize("cls", [Good, Sparing, Started, Drawing, Searching])
def test_what_keeps_the_contract_passes(check: Any, cls: type[i2i.Model]) -> None:
    model = check(cls)
    assert isinstance(model, cls)
    assert "train_step" not in vars(model)  # nothing of the check is left on it


def test_the_small_setting_is_what_is_checked(check: Any) -> None:
    assert check(Tiny).spec.image_size == (32, 32)
    assert check(Tiny, small=True).spec.image_size == (12, 12)
    assert check(Tiny, small=True, image_size=16).spec.image_size == (16, 16)


@pytest.mark.parametrize("name", ["toy", "toy-flat"])
def test_the_toys_keep_the_contract(toys: Any, name: str) -> None:
    check_model(name)


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (Unknown, 'phase train updates "nets", but its optimizers are net, critic'),
        (Swapped, r"the optimizers \['critic', 'net'\] were updated in phase train and changed nothing"),
        (Forgotten, r"phase train has the optimizers \['critic'\], but no step updates them"),
        (Sneaky, "critic.weight changed in phase train, but no update of its optimizer was asked for"),
        (Pictures, r"term l1 has shape \(2,\); a term is a scalar"),
        (Floats, "term l1 is a float; a term is a scalar tensor"),
        (Constant, 'the terms l1 of "net" depend on no parameter'),
        (NotANumber, "term l1 is -?inf"),
        (Silent, "phase train logged no term"),
        (Within, "train_step yields inside a `with` in phase train; yield after it"),
        (Odd, r"train_step yields Tensor, not \(name, terms\)"),
        (Bright, r"translate left \[-1, 1\]: "),
        (Blind, "translate gave values that are no numbers"),
        (Small, r"translate gave \(1, 3, 31, 32\) for 1 pictures of 32 x 32"),
        (First, r"translate gave \(1, 3, 32, 33\) for 2 pictures of 32 x 33"),
        (Counting, "translate changed seen"),
        (Moody, "translate gives another picture each time; draw from request.seed alone"),
        (Forgetful, "a resumed run differs in the term net/l1: some state is in no buffer"),
        (Hidden, "a resumed run differs in the term net/l1: some state is in no buffer"),
        (Seedless, "translate draws the same picture of the seeds 0 and 1, to None"),
        (Several, r"translate drew the shape \(2, 3, 8, 8\) for one seed, not \(1, C, H, W\)"),
        (Gray, r"translate drew the shape \(1, 1, 8, 8\) for one seed"),
        (Learning, "translate gave pictures with gradients; leave torch.enable_grad out of it"),
        (Keeping, "translate changed seen"),
        (Wide, r"find gave the shape \(3, 1, 1\), and latent_shape is \(3,\)"),
        (Counted, "find counted step 0 of 99 where it was at 1"),
        (Pale, "preview gave no picture"),
        (Untitled, r"grid gave \(Request, str\), not \(title, Request\)"),
        (Undocumented, "option depth of checked has no help text"),
        (Defaults, "run_defaults of checked names {'batchsize'}, which are no run options"),
        (Tinier, "small of checked names {'imagesize'}, which are no options of the run or its own"),
        (Eager, r"checked.eager names \['judge'\], which the model does not have"),
        (Twins, r"the phases of checked are \['train', 'train'\]; give each a name of its own"),
        (Narrow, "term net/l1 is -?(inf|nan) in bfloat16"),
    ],
)
def test_what_breaks_the_contract_is_said(check: Any, cls: type[i2i.Model], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check(cls)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("kind", ["images", "paired", "unpaired", "labelled", "captioned"])
def test_synthetic_batches_fit_their_specification(kind: str) -> None:
    spec = synthetic_spec(kind, 16, channels=2)
    batch = synthetic_batch(spec, 3, seed=4)
    for key, channels in spec.channels.items():
        assert batch[key].shape == (3, channels, 16, 16)
        assert batch[key].dtype == torch.float32
        assert batch[key].abs().max() <= 1
        assert torch.equal(batch[key], synthetic_batch(spec, 3, seed=4)[key])
        assert not torch.equal(batch[key], synthetic_batch(spec, 3, seed=5)[key])
    assert ("label" in batch, "caption" in batch) == (kind == "labelled", kind == "captioned")


@pytest.mark.parametrize("vocabulary", [("bird",), ("a", "brown", "dog"), tuple(map(str, range(5000)))])
def test_synthetic_captions_differ_and_are_a_function_of_the_seed(vocabulary: tuple[str, ...]) -> None:
    spec = dataclasses.replace(synthetic_spec("captioned", 8), vocabulary=vocabulary)
    said = [synthetic_batch(spec, 9, seed=seed)["caption"] for seed in (4, 4, 5)]
    for captions in said:
        assert len(set(captions)) == 9
        assert {word for caption in captions for word in caption.split(" ")} <= set(vocabulary)
    assert said[0] == said[1]
    assert (said[1] == said[2]) == (len(vocabulary) == 1)


def test_an_unknown_kind_is_said() -> None:
    with pytest.raises(LookupError, match='no synthetic data for the kind "voxels"; known: images, paired'):
        synthetic_spec("voxels")
