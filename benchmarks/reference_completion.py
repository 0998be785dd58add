"""GLCIC as a plain script would have it, in float32: what i2i's step of the joint phase is timed against.

Iizuka, Simo-Serra, Ishikawa, 2017, with the defaults of the PyTorch reference for 256 pixels: batch norms after the
activations, a window of 128 pixels, raw outputs judged, Adadelta, the adversarial loss times 4e-4. The discriminator's
gradients of the other's update are thrown away, which the reference adds up. It imports nothing of i2i. Weights are
named as in the reference.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Window = tuple[int, int, int]  # top, left, side


class CompletionNetwork(nn.Module):
    def __init__(self, width: int = 64) -> None:
        super().__init__()
        w = width
        plan = [(w, 5, 1, 1), (2 * w, 3, 2, 1), (2 * w, 3, 1, 1), (4 * w, 3, 2, 1)]
        plan += [(4 * w, 3, 1, dilation) for dilation in (1, 1, 2, 4, 8, 16, 1, 1)]
        plan += [(2 * w, 0, 2, 1), (2 * w, 3, 1, 1), (w, 0, 2, 1), (w // 2, 3, 1, 1)]
        self.names = []
        before = 4
        for number, (after, kernel, stride, dilation) in enumerate(plan, 1):
            if kernel:
                name, padding = f"conv{number}", dilation * (kernel // 2)
                layer: nn.Module = nn.Conv2d(before, after, kernel, stride, padding, dilation)
            else:
                name, layer = f"deconv{number}", nn.ConvTranspose2d(before, after, 4, stride, 1)
            self.add_module(name, layer)
            self.add_module(f"bn{number}", nn.BatchNorm2d(after))
            self.names.append((name, f"bn{number}"))
            before = after
        self.conv17 = nn.Conv2d(before, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        for conv, bn in self.names:
            x = getattr(self, bn)(F.relu(getattr(self, conv)(x)))
        return torch.sigmoid(self.conv17(x))


class Tower(nn.Module):
    def __init__(self, side: int, layers: int, width: int) -> None:
        super().__init__()
        self.layers = layers
        before = 3
        for number in range(1, layers + 1):
            after = width * min(2 ** (number - 1), 8)
            self.add_module(f"conv{number}", nn.Conv2d(before, after, 5, 2, 2))
            self.add_module(f"bn{number}", nn.BatchNorm2d(after))
            before = after
        pixels = side // 2**layers
        self.add_module(f"linear{layers + 1}", nn.Linear(before * pixels * pixels, 16 * width))

    def forward(self, x: Tensor) -> Tensor:
        for number in range(1, self.layers + 1):
            x = getattr(self, f"bn{number}")(F.relu(getattr(self, f"conv{number}")(x)))
        return F.relu(getattr(self, f"linear{self.layers + 1}")(x.reshape(len(x), -1)))


class ContextDiscriminator(nn.Module):
    def __init__(self, local: int, size: int, local_layers: int, global_layers: int, width: int) -> None:
        super().__init__()
        self.model_ld = Tower(local, local_layers, width)
        self.model_gd = Tower(size, global_layers, width)
        self.linear1 = nn.Linear(32 * width, 1)

    def forward(self, local: Tensor, whole: Tensor) -> Tensor:
        return torch.sigmoid(self.linear1(torch.cat([self.model_ld(local), self.model_gd(whole)], dim=-1)))


class GLCIC:
    """The completion network and the discriminator, in the third phase of the reference."""

    def __init__(
        self,
        width: int = 64,
        size: int = 256,
        layers: tuple[int, int] = (5, 6),
        alpha: float = 4e-4,
        device: torch.device | str = "cpu",
    ) -> None:
        self.width, self.size, self.local, self.layers, self.alpha = width, size, size // 2, layers, alpha
        self.mpv = torch.tensor([0.5, 0.4375, 0.375], device=device)
        self.model_cn = CompletionNetwork(width).to(device)
        self.model_cd = ContextDiscriminator(self.local, size, *layers, width).to(device)
        self.opt_cn = torch.optim.Adadelta(self.model_cn.parameters())
        self.opt_cd = torch.optim.Adadelta(self.model_cd.parameters())
        self.bce = nn.BCELoss()

    def judge(self, x: Tensor, window: Window) -> Tensor:
        top, left, side = window
        return self.model_cd(x[:, :, top : top + side, left : left + side], x)

    def optimize(self, x: Tensor, mask: Tensor, fake_window: Window, real_window: Window) -> dict[str, Tensor]:
        """Train on one batch in [0, 1]; return the losses."""
        x_mask = x - x * mask + self.mpv.view(1, 3, 1, 1) * mask
        output = self.model_cn(torch.cat((x_mask, mask), dim=1))
        fake, real = (torch.full((len(x), 1), label, dtype=x.dtype, device=x.device) for label in (0.0, 1.0))

        # Discriminator.
        for parameter in self.model_cd.parameters():
            parameter.requires_grad = True
        self.opt_cd.zero_grad()
        loss_fake = self.bce(self.judge(output.detach(), fake_window), fake)
        loss_real = self.bce(self.judge(x, real_window), real)
        loss_cd = (loss_fake + loss_real) * self.alpha / 2.0
        loss_cd.backward()
        self.opt_cd.step()

        # Completion network.
        for parameter in self.model_cd.parameters():
            parameter.requires_grad = False
        self.opt_cn.zero_grad()
        mse = F.mse_loss(output * mask, x * mask) / 2.0
        gan = self.alpha * self.bce(self.judge(output, fake_window), real) / 2.0
        (mse + gan).backward()
        self.opt_cn.step()
        return {"cd": loss_cd.detach(), "cn_mse": mse.detach(), "cn_gan": gan.detach()}
