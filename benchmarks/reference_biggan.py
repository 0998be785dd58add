"""BigGAN as a plain script would have it, in float32: what i2i's step is timed against.

Brock, Donahue, Simonyan, 2018, arXiv:1809.11096, for 32 pixels and 10 classes: spectral norm in both networks, a shared
embedding and parts of the latent in every norm, attention at 16 pixels, projection, hinges, orthogonal regularisation,
five updates of the discriminator for one of the generator, an average of the generator's weights, Adam 2e-4
(0.5, 0.999). It imports nothing of i2i. The weights are named as in BigGAN-PyTorch, so they can be handed over.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SN:
    """Divides a layer's weight by its largest singular value: u, kept between passes, is refined in each."""

    def start(self, rows: int) -> None:
        self.register_buffer("u0", torch.randn(1, rows))
        self.register_buffer("sv0", torch.ones(1))

    def W(self) -> Tensor:
        matrix = self.weight.view(self.weight.shape[0], -1)
        with torch.no_grad():
            v = F.normalize(self.u0 @ matrix, eps=1e-12)
            u = F.normalize(v @ matrix.t(), eps=1e-12)
        sigma = (v @ matrix.t() @ u.t()).squeeze()
        if self.training:
            with torch.no_grad():
                self.u0.copy_(u)
                self.sv0.fill_(sigma)
        return self.weight / sigma


class SNConv2d(nn.Conv2d, SN):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start(self.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.W(), self.bias, padding=self.padding)


class SNLinear(nn.Linear, SN):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start(self.out_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.W(), self.bias)


class SNEmbedding(nn.Embedding, SN):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.start(self.num_embeddings)

    def forward(self, labels: Tensor) -> Tensor:
        return F.embedding(labels, self.W())


class BN(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("stored_mean", torch.zeros(channels))
        self.register_buffer("stored_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.stored_mean, self.stored_var, self.gain, self.bias, self.training)


class CCBN(nn.Module):
    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.gain = SNLinear(condition, channels, bias=False)
        self.bias = SNLinear(condition, channels, bias=False)
        self.register_buffer("stored_mean", torch.zeros(channels))
        self.register_buffer("stored_var", torch.ones(channels))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        gain, bias = (1 + self.gain(y))[:, :, None, None], self.bias(y)[:, :, None, None]
        return F.batch_norm(x, self.stored_mean, self.stored_var, None, None, self.training) * gain + bias


class Attention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(channels // 8, 1), max(channels // 2, 1)
        self.theta, self.phi = (SNConv2d(channels, few, 1, bias=False) for _ in range(2))
        self.g = SNConv2d(channels, half, 1, bias=False)
        self.o = SNConv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        theta = self.theta(x).flatten(2)
        phi = F.max_pool2d(self.phi(x), 2).flatten(2)
        g = F.max_pool2d(self.g(x), 2).flatten(2)
        beta = F.softmax(torch.bmm(theta.transpose(1, 2), phi), -1)
        o = self.o(torch.bmm(g, beta.transpose(1, 2)).unflatten(2, x.shape[2:]))
        return self.gamma * o + x


class GBlock(nn.Module):
    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.conv1 = SNConv2d(channels, channels, 3, padding=1)
        self.conv2 = SNConv2d(channels, channels, 3, padding=1)
        self.conv_sc = SNConv2d(channels, channels, 1)
        self.bn1, self.bn2 = CCBN(channels, condition), CCBN(channels, condition)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.bn1(x, y)), scale_factor=2)
        h = self.conv2(F.relu(self.bn2(self.conv1(h), y)))
        return h + self.conv_sc(F.interpolate(x, scale_factor=2))


class DBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, down: bool, first: bool = False) -> None:
        super().__init__()
        self.down, self.first = down, first
        self.conv1 = SNConv2d(inputs, outputs, 3, padding=1)
        self.conv2 = SNConv2d(outputs, outputs, 3, padding=1)
        self.conv_sc = SNConv2d(inputs, outputs, 1) if down or inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        h = F.avg_pool2d(h, 2) if self.down else h
        if self.first:
            return h + self.conv_sc(F.avg_pool2d(x, 2))
        if self.conv_sc is None:
            return h + x
        x = self.conv_sc(x)
        return h + (F.avg_pool2d(x, 2) if self.down else x)


class Generator(nn.Module):
    def __init__(self, latent: int, classes: int, shared: int, width: int, channels: int) -> None:
        super().__init__()
        part = latent // 4
        self.shared = nn.Embedding(classes, shared)
        self.linear = SNLinear(part, width * 16)
        blocks = [[GBlock(width, shared + part)] for _ in range(3)]
        blocks[1].append(Attention(width))
        self.blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.output_layer = nn.Sequential(BN(width), nn.ReLU(), SNConv2d(width, channels, 3, padding=1))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """`y` is embedded by `shared` already."""
        first, *parts = z.chunk(4, 1)
        h = self.linear(first).view(len(z), -1, 4, 4)
        for (block, *attention), part in zip(self.blocks, parts, strict=True):
            h = block(h, torch.cat([y, part], 1))
            for layer in attention:
                h = layer(h)
        return torch.tanh(self.output_layer(h))


class Discriminator(nn.Module):
    def __init__(self, classes: int, width: int, channels: int) -> None:
        super().__init__()
        blocks = [
            [DBlock(channels, width, down=True, first=True), Attention(width)],
            [DBlock(width, width, down=True)],
            [DBlock(width, width, down=False)],
            [DBlock(width, width, down=False)],
        ]
        self.blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.linear = SNLinear(width, 1)
        self.embed = SNEmbedding(classes, width)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        h = images
        for block in self.blocks:
            for layer in block:
                h = layer(h)
        h = F.relu(h).sum(dim=(2, 3))
        return self.linear(h).view(-1) + (self.embed(labels) * h).sum(1)


def initialise(net: nn.Module) -> nn.Module:
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear, nn.Embedding)):
            nn.init.orthogonal_(layer.weight)
            if getattr(layer, "bias", None) is not None:
                nn.init.zeros_(layer.bias)
    return net


def ortho(net: nn.Module) -> Tensor:
    """The squares off the diagonal of W W'."""
    total = 0.0
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            w = layer.weight.view(layer.weight.shape[0], -1)
            product = w @ w.t()
            total = total + (product * (1 - torch.eye(len(w), device=w.device, dtype=w.dtype))).pow(2).sum()
    return total


def largest(net: nn.Module) -> Tensor:
    """The largest of the singular values that are kept."""
    return torch.cat([layer.sv0 for layer in net.modules() if isinstance(layer, SN)]).max()


class BigGAN:
    def __init__(
        self,
        width: int = 32,
        classes: int = 10,
        latent: int = 80,
        shared: int = 128,
        channels: int = 3,
        n_critic: int = 5,
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.classes, self.latent, self.n_critic = width, classes, latent, n_critic
        self.G = initialise(Generator(latent, classes, shared, 4 * width, channels)).to(device)
        self.D = initialise(Discriminator(classes, 2 * width, channels)).to(device)
        self.G_ema = copy.deepcopy(self.G)
        self.optimizer_G = torch.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.optimizer_D = torch.optim.Adam(self.D.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def draw(self, real: Tensor, chance: Any) -> tuple[Tensor, Tensor]:
        z = chance.randn(len(real), self.latent).to(real)
        labels = (chance.rand(len(real)) * self.classes).long().to(real.device)
        return self.G(z, self.G.shared(labels)), labels

    @torch.no_grad()
    def average(self, updates: int) -> None:
        decay, source = (0.9999 if updates > 1000 else 0.0), self.G.state_dict()
        for key, value in self.G_ema.state_dict().items():
            value.copy_(value * decay + source[key] * (1 - decay))

    def optimize(self, real: Tensor, labels: Tensor, step: int, chance: Any = torch) -> dict[str, Tensor]:
        """Train on one batch, in each n_critic-th step the generator, too; return the losses."""
        # Discriminator.
        for parameter in self.D.parameters():
            parameter.requires_grad = True
        self.optimizer_D.zero_grad()
        with torch.no_grad():
            fake, drawn = self.draw(real, chance)
        D_real, D_fake = self.D(torch.cat([real, fake]), torch.cat([labels, drawn])).chunk(2)
        D = F.relu(1 - D_real).mean() + F.relu(1 + D_fake).mean()
        D.backward()
        self.optimizer_D.step()
        if (step + 1) % self.n_critic:
            return {"D": D.detach()}

        # Generator.
        for parameter in self.D.parameters():
            parameter.requires_grad = False
        self.optimizer_G.zero_grad()
        G = -self.D(*self.draw(real, chance)).mean()
        orthogonal = 1e-4 * ortho(self.G)
        (G + orthogonal).backward()
        self.optimizer_G.step()
        self.average((step + 1) // self.n_critic)
        watched = {"sigma_G": largest(self.G), "sigma_D": largest(self.D)}
        return {"D": D.detach(), "G": G.detach(), "ortho": orthogonal.detach(), **watched}
