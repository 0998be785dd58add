"""Translating files and folders: decoding, the network and encoding overlap, and a broken picture stops nothing."""

from __future__ import annotations

import dataclasses
import errno
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from i2i import contact, images, maps
from i2i.errors import Stopped, sentence
from i2i.picture import Array, Picture
from i2i.request import How
from i2i.status import duration
from i2i.translation import translate_picture
from i2i.tree import Job, Plan, plan, shown, slug

if TYPE_CHECKING:
    from i2i.model import Model

AHEAD = 4  # pictures decoded before their turn, and results waiting to be written: what memory holds at most
_HOPELESS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}  # the next file would fail, too

Progress = Callable[[int, int, str], None]  # done, of, problem of the last one or ""
Read = tuple[Picture, dict[str, Array]]  # a picture and its companions


@dataclass
class Summary:
    """What became of the pictures of a command."""

    total: int = 0
    written: int = 0
    skipped: int = 0  # their results were there already
    ignored: int = 0  # files that are no pictures
    failed: list[tuple[str, str]] = field(default_factory=list)  # name, why
    notes: Counter[str] = field(default_factory=Counter)  # what was lost -> in how many
    seconds: float = 0.0
    place: str = ""
    one_file: bool = False  # the place is the only result, not a folder of results
    stopped: bool = False  # by Ctrl-C
    sheets: tuple[str, ...] = ()  # of --to all

    @property
    def exit_code(self) -> int:
        """0 all good, 1 some failed, 130 stopped."""
        return 130 if self.stopped else 1 if self.failed else 0

    def line(self) -> str:
        """The closing line."""
        pictures = f"{self.written:,} of {self.total:,} picture{'s' if self.total != 1 else ''}"
        place = f" to {self.place}" + "/" * (not self.one_file) if self.place else ""
        asides = []
        if self.skipped:
            asides.append(f"{self.skipped:,} skipped: already there")
        if len(self.failed) == 1:
            name, why = self.failed[0]
            asides.append(f"1 failed: {name} {why}" if len(why) < 80 and name not in why else f"1 failed: {name}")
        elif self.failed:
            asides.append(f"{len(self.failed):,} failed: {self.failed[0][0]} and others, named above")
        left = self.total - self.written - self.skipped - len(self.failed)
        if self.stopped and left:
            asides.append(f"{left:,} left: the same command goes on")
        if self.ignored:
            asides.append(f"{self.ignored:,} other file{'s' if self.ignored > 1 else ''} passed by")
        asides += [f"{count:,} x {note}" for note, count in sorted(self.notes.items())]
        sheets = f" Contact sheet: {', '.join(self.sheets)}." if self.sheets else ""
        aside = f" ({', '.join(asides)})" if asides else ""
        return f"Wrote {pictures}{place} in {duration(self.seconds)}{aside}.{sheets}"


def translate_paths(
    model: Model,
    inputs: Iterable[str | Path],
    out: Path | None,
    request: Any,
    how: How | None = None,
    progress: Progress | None = None,
    stop: Event | None = None,
) -> Summary:
    """Translate files and folders, recursively, to the same tree and names; see `i2i.tree.plan` for the places.

    A picture that cannot be read or does not fit is listed in the summary, and the rest go on. Setting `stop` ends
    after the picture at hand. Raises ValueError for inputs that are not there, Stopped where results cannot be written.
    """
    how = how or How()
    return translate_plan(model, plan(list(inputs), out, request.to, how.format), request, how, progress, stop)


def translate_plan(
    model: Model,
    made: Plan,
    request: Any,
    how: How,
    progress: Progress | None = None,
    stop: Event | None = None,
) -> Summary:
    """Translate the pictures of a plan; see `translate_paths`. Of several requests each makes a result of its own."""
    requests = [request] if not isinstance(request, list) else request
    jobs = [each for job in made.jobs for each in _copies(job, requests)]
    summary = Summary(len(jobs) + made.results, 0, made.results, sum(made.ignored.values()), place=made.place)
    if not summary.place and len(jobs) == 1:
        summary.place, summary.one_file = shown(jobs[0][0].target), True
    summary = _Batch(model, how, summary, progress, stop or Event()).run(jobs)
    if len(requests) > 1 and not summary.stopped:
        place = contact.place_of(made.jobs, summary.place)
        sheets = contact.write([(job, request.to) for job, request in jobs], place)
        summary.sheets = tuple(map(shown, sheets))
    return summary


def _copies(job: Job, requests: list[Any]) -> list[tuple[Job, Any]]:
    """A picture's jobs: one for each request, named by its target where they are several.

    A request for some `samples` is as many jobs, with seeds one after another and numbers in their names.
    """
    made = []
    for request in requests:
        named = f"{job.stem}-{slug(request.to)}" if len(requests) > 1 else job.target.stem
        for number in range(request.samples):
            stem = f"{named}-{number + 1}" if request.samples > 1 else named
            target = job.target.with_name(stem + job.target.suffix)
            asked = dataclasses.replace(request, samples=1, seed=request.seed + number)
            made.append((dataclasses.replace(job, target=target), asked))
    return made


class _Batch:
    """The pipeline of one command: two threads decode ahead, this one runs the network, two encode behind."""

    def __init__(self, model: Model, how: How, summary: Summary, progress: Progress | None, stop: Event) -> None:
        self.model, self.how, self.summary, self.progress, self.stop = model, how, summary, progress, stop
        self.writing: deque[tuple[Job, Future[tuple[str, ...]]]] = deque()

    def run(self, jobs: list[tuple[Job, Any]]) -> Summary:
        began = time.monotonic()
        with ThreadPoolExecutor(2, "decode") as readers, ThreadPoolExecutor(2, "encode") as writers:
            try:
                for job, request, decoding in self._decoded(jobs, readers):
                    picture = self._translate(job, request, decoding)
                    if picture is not None:
                        self.writing.append((job, writers.submit(_write, job.target, picture, self.how.format)))
                    while len(self.writing) > AHEAD:
                        self._collect()
                while self.writing:
                    self._collect()
            except OSError as error:
                raise Stopped(self._cannot_write(error)) from error
            finally:
                self.summary.seconds = time.monotonic() - began
                readers.shutdown(cancel_futures=True)
                writers.shutdown(cancel_futures=True)
        self.summary.stopped = self.stop.is_set()
        return self.summary

    def _decoded(
        self, jobs: list[tuple[Job, Any]], readers: ThreadPoolExecutor
    ) -> Iterator[tuple[Job, Any, Future[Read]]]:
        """The jobs that are still to do, each with its picture on the way."""
        waiting: deque[tuple[Job, Any, Future[Read]]] = deque()
        key = self.model.inputs[0] if self.model.inputs else ""
        for job, request in jobs:
            if self.stop.is_set():
                return
            if not self.how.overwrite and job.target.exists():
                self.summary.skipped += 1
                self._tell()
                continue
            waiting.append((job, request, readers.submit(_read, job, key, self.how)))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
        while waiting and not self.stop.is_set():
            yield waiting.popleft()

    def _translate(self, job: Job, request: Any, decoding: Future[Read]) -> Picture | None:
        how = self.how
        try:
            picture, others = decoding.result()
            made = translate_picture(self.model, picture, request, how.image_size, how.forced, job.name, others)
        except (ValueError, MemoryError) as error:
            self._fail(job, error)
            return None
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            self._fail(job, MemoryError())
            return None
        self.summary.notes.update(made.notes)
        return made

    def _collect(self) -> None:
        """Wait for the oldest result to be written."""
        job, written = self.writing.popleft()
        try:
            lost = written.result()
        except ValueError as error:
            return self._fail(job, error)
        except OSError as error:
            if error.errno in _HOPELESS:
                raise
            return self._fail(job, error)
        self.summary.written += 1
        self.summary.notes.update(lost)
        self._tell()

    def _fail(self, job: Job, error: Exception) -> None:
        why = _why(error)
        self.summary.failed.append((job.name, why))
        self._tell(sentence(why) if job.name in why else f"{job.name} {why}")

    def _tell(self, problem: str = "") -> None:
        done = self.summary.written + self.summary.skipped + len(self.summary.failed)
        if self.progress is not None:
            self.progress(done, self.summary.total, problem)

    def _cannot_write(self, error: OSError) -> str:
        summary = self.summary
        place = summary.place or (str(Path(error.filename).parent) if error.filename else "the results' folder")
        way = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "give another folder with --out"
        return (
            f"cannot write to {place}: {error.strerror or error}. {summary.written:,} of {summary.total:,} pictures "
            f"are written and whole; {way} and run the same command again"
        )


def _read(job: Job, key: str, how: How) -> Read:
    """Read a picture, or the map of labels that the model takes for one, and what goes along with it."""
    picture = maps.read(job.source, key) if key in maps.LABELS else images.read(job.source)
    box = {"mask": maps.box(picture, how.mask_box)} if how.mask_box else {}
    return picture, maps.read_companions(job) | box


def _write(target: Path, picture: Picture, format: str) -> tuple[str, ...]:
    target.parent.mkdir(parents=True, exist_ok=True)
    return images.write(target, picture, format)


def _is_out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def _why(error: Exception) -> str:
    """Why a picture failed: words that follow its name, or a sentence that names it."""
    if isinstance(error, images.Unreadable):
        return error.reason
    if isinstance(error, MemoryError):
        return "needs more memory than there is; use --image-size, 1024 say"
    if isinstance(error, OSError):
        return f"cannot be written: {error.strerror or error}"
    return str(error)
