"""What a model knows of sentences: an encoder that the run teaches in its first phase, or one from elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import i2i
from i2i_stackgan import captions, objectives
from i2i_stackgan.embeddings import Pretrained, Table, read_vector
from i2i_stackgan.encoders import CharacterEncoder, PictureEncoder, WordEncoder
from i2i_stackgan.options import TextOptions

PHASE = "encoder"
MISSES = 100  # batches in a row without a caption that the file of embeddings knows, before it is refused
UNREADY = "the run is still in its first phase, in which it learns to read, so nothing but noise is drawn"
SIZES = {"words": 256, "chars": 1024}  # numbers of an embedding, where nothing else says so


def text_size(options: TextOptions) -> int:
    """How many numbers the embedding of a sentence has; of what comes from elsewhere, as many as it has there.

    Raises ValueError where that cannot be found, or is not what was asked for.
    """
    if options.text_size is not None:
        return options.text_size  # of a trained model: what it was trained with need not be here
    if options.embeddings is not None:
        return Table(options.embeddings).size
    if options.text_encoder == "minilm":
        return Pretrained(options.sentence_transformer).size
    return SIZES[options.text_encoder]


class Texts(nn.Module):
    """Turn sentences into embeddings (N, size): without gradients, once the encoder's phase is over.

    `words` and `chars` are learnt beside an encoder of pictures: each sentence shall be nearer to its picture than to
    others. Where embeddings come from a file the encoder learns to imitate them, for sentences that are not in it. A
    sentence-transformer needs no lessons.
    """

    def __init__(self, options: TextOptions, spec: i2i.DataSpec, size: int, halvings: int) -> None:
        super().__init__()
        self.options, self.size, self.vocabulary = options, size, spec.vocabulary
        self.side = 4 * 2**halvings  # of the pictures that lessons are about
        self.encoder: WordEncoder | CharacterEncoder | None = None
        self.pictures: PictureEncoder | None = None
        self._table: Table | None = None
        self._pretrained: Pretrained | None = None
        self._told: set[str] = set()  # what was warned of
        self._missed = 0  # batches in a row of which the file of embeddings knows nothing
        if options.text_encoder == "minilm" and options.embeddings is None:
            return
        kind = CharacterEncoder if options.text_encoder == "chars" else WordEncoder
        self.encoder = kind(spec.vocabulary, size, options.encoder_width)
        if options.embeddings is None:
            width = max(8, options.encoder_width // 8)
            self.pictures = PictureEncoder(spec.channels["image"], halvings, size, width)

    def phases(self, **how: Any) -> list[i2i.Phase]:
        """The phase in which the encoder learns; none where there is nothing to learn."""
        return [] if self.encoder is None else [i2i.Phase(PHASE, share=self.options.encoder_share, **how)]

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Who learns in that phase."""
        return {"encoder": torch.optim.Adam(self.parameters(), self.options.encoder_lr)}

    def lesson(self, images: Tensor, sentences: Sequence[str]) -> i2i.Terms:
        """The encoder's losses on a batch. Raises ValueError where captions or embeddings give nothing to learn."""
        if not self.vocabulary:
            raise ValueError("the captions of this data hold no words, so there is nothing to learn of them")
        if self.pictures is not None:
            seen = self.pictures(images)
            find_sentence, find_picture = objectives.ranking(seen, self._read(sentences), sentences)
            return {"find_sentence": find_sentence, "find_picture": find_picture}
        wanted, there = self.table.find(sentences)
        made = self._read(sentences)
        self._missed = 0 if there.any() else self._missed + 1
        if self._missed == MISSES:
            raise ValueError(
                f'{self.options.embeddings} holds no embedding of "{sentences[0]}", nor of any other caption in '
                f"{MISSES} batches; give embeddings of this data's captions"
            )
        if self._missed:
            return {"imitation": 0 * made.sum()}
        wanted, there = wanted.to(made), there.to(made.device)
        return {"imitation": (made - wanted)[there].square().mean() / wanted[there].square().mean().clamp_min(1e-8)}

    def _read(self, sentences: Sequence[str]) -> Tensor:
        """Encode sentences, in the precision of the weights; what is learnt from pictures has a mean square of 1."""
        assert self.encoder is not None
        with torch.autocast(self.encoder.head.weight.device.type, enabled=False):
            made = self.encoder(sentences)
            return made if self.pictures is None else F.normalize(made) * self.size**0.5

    @property
    def table(self) -> Table:
        """The file of embeddings, read when it is first needed."""
        if self._table is None:
            assert self.options.embeddings is not None
            self._table = Table(self.options.embeddings)
            if self._table.size != self.size:
                raise ValueError(
                    f"{self.options.embeddings} holds embeddings of {self._table.size} numbers, and this model's have "
                    f"{self.size}; leave --text-size out, or give others with --embeddings"
                )
        return self._table

    def check(self) -> None:
        """Raise ValueError for a file of embeddings that is of another size, or of captions that cannot be these."""
        if self.options.embeddings is None:
            return
        known, said = set(self.vocabulary), self.table.rows
        if known and not any(known.issuperset(sentence.split()) for sentence in said):
            raise ValueError(
                f'{self.options.embeddings} holds no caption of this data: its first is "{next(iter(said))}", and '
                f"words of these captions are {captions.some(self.vocabulary)}; give embeddings of these"
            )

    def forward(self, sentences: Sequence[str], like: Tensor) -> Tensor:
        """Embed the sentences of training as (N, size), of the device and type of a tensor."""
        with torch.no_grad():
            made = self._embed(sentences)
            if self.options.embeddings is not None:
                found, there = self.table.find(sentences)
                self._tell_missing(sentences, there)
                made = torch.where(there.to(made.device)[:, None], found.to(made), made)
            return made.to(like)

    def _tell_missing(self, sentences: Sequence[str], there: Tensor) -> None:
        """Warn, once, of a caption that the file of embeddings lacks."""
        if not there.all():
            first = sentences[int(there.to(torch.int8).argmin())]
            self._tell(
                "missing",
                f'{self.options.embeddings} holds no embedding of "{first}"; the encoder\'s imitation takes its '
                "place, and that of others that are not there",
            )

    def _tell(self, about: str, *notes: str) -> None:
        """Warn of something, once."""
        if about not in self._told:
            self._told.add(about)
            for note in notes:
                warnings.warn(note, stacklevel=4)

    def _embed(self, sentences: Sequence[str]) -> Tensor:
        if self.encoder is not None:
            self.eval()
            return self._read(sentences)
        if self._pretrained is None:
            self._pretrained = Pretrained(self.options.sentence_transformer)
        return self._pretrained(sentences)

    def asked(
        self, inputs: i2i.Batch, request: i2i.Request, like: Tensor, held: bool = True, unready: str = ""
    ) -> Tensor:
        """Embed what a request asks for, or the captions of held-back samples; warns of what it does not understand,
        and of what is `unready` where a run is drawn of that is not finished.

        A file of embeddings plays no part in it: it need not be where pictures are drawn. A model that was imported
        without its encoder (not `held`) takes embeddings alone. Raises ValueError where nothing is asked for.
        """
        if "caption" in inputs:
            return self._embed(inputs["caption"]).to(like)
        text, embedding = getattr(request, "text", None), getattr(request, "embedding", None)
        if unready:
            self._tell(unready, f"{unready}; go on with the run for more: i2i resume RUN")
        if embedding is not None:
            return read_vector(embedding, self.size).to(like)
        if not held:
            raise ValueError(
                "this model was imported without its text encoder, so it understands no sentence; give the sentence's "
                f"embedding, {self.size} numbers in an .npy, with --embedding"
            )
        if text is None:
            known = f"; words of the training captions: {captions.some(self.vocabulary)}" * bool(self.vocabulary)
            raise ValueError(f'say what to draw, as in --text "a red bird"{known}')
        self._tell(text, *self.notes(text))
        return self._embed([text]).to(like)

    def notes(self, text: str) -> list[str]:
        """What of a text is not understood, in sentences."""
        if self.encoder is None:
            return captions.notes(text, self.vocabulary, "guessed", "words", 200)
        guessed = isinstance(self.encoder, CharacterEncoder)
        how = "guessed" if guessed else "left out"
        return captions.notes(text, self.vocabulary, how, self.encoder.unit, self.encoder.longest)

    def preview(self, examples: Sequence[tuple[i2i.Batch, i2i.Request]]) -> list[dict[str, Tensor]]:
        """While the encoder learns: for each caption its picture, and the one of the sheet that it is nearest to."""
        sentences = [inputs["caption"][0] for inputs, _ in examples]
        images = torch.cat([inputs["image"] for inputs, _ in examples])
        if self.pictures is None:
            return [{sentence: image} for sentence, image in zip(sentences, images, strict=True)]
        small = F.interpolate(images, (self.side, self.side), mode="bilinear", antialias=True)
        seen = F.normalize(self.pictures(small).float())
        nearest = (F.normalize(self._read(sentences).float()) @ seen.T).argmax(1)
        rows = zip(sentences, images, nearest.tolist(), strict=True)
        return [{sentence: image, "taken for": images[best]} for sentence, image, best in rows]
