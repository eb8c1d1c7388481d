"""Has HTML and PDF read by a child process, so that a hostile file costs a bounded time and a bounded memory."""

import json
import os
import selectors
import struct
import subprocess
import sys
import time
from types import TracebackType
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable

TIMEOUT_SECONDS = {"html": 20.0, "pdf": 60.0}
# A child's memory grows with what it has read; a new one costs half a second.
_DOCUMENTS_PER_CHILD = 500
_ANSWER_BYTES_MAX = 20_000_000
_START_SECONDS = 30.0
_HEADER = struct.Struct(">I")


class Converted(BaseModel):
    """What a file says: its text as Markdown, and title and language (BCP 47) where it names them."""

    model_config = ConfigDict(frozen=True)

    text: str = ""
    title: str = ""
    language: str = ""
    refused: str = ""


class _ChildLost(Exception):
    """The child gave no answer: it ran out of time or memory, or crashed."""


class Converter:
    """Reads files one after another; the child starts with the first and ends with the `with` block."""

    def __init__(self, timeout_seconds: float | None = None) -> None:
        self._timeout_seconds = timeout_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def convert(
        self, format_: Literal["html", "pdf"], content: bytes, *, url: str = "", charset: str = "", place: str = ""
    ) -> Converted:
        """The file as Markdown.

        Raises:
            KnowledgeUnreadable: it is malformed or encrypted, or takes too much time or memory; `place` says which.
        """
        seconds = self._timeout_seconds or TIMEOUT_SECONDS[format_]
        question = json.dumps({"format": format_, "url": url, "charset": charset}).encode()
        if self._done >= _DOCUMENTS_PER_CHILD:
            self.close()
        try:
            answer = self._ask([question, content], seconds)
        except TimeoutError as error:
            self.close()
            raise KnowledgeUnreadable(f"{place} could not be read within {seconds:g} seconds") from error
        except (_ChildLost, OSError, ValidationError) as error:
            self.close()
            raise KnowledgeUnreadable(f"{place} could not be read: it takes too much memory or is malformed") from error
        if answer.refused:
            raise KnowledgeUnreadable(f"{place} {answer.refused}")
        return answer

    def close(self) -> None:
        """Ends the child; the next file starts another."""
        child, self._child, self._done = self._child, None, 0
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def _ask(self, parts: list[bytes], seconds: float) -> Converted:
        child = self._started()
        assert child.stdin is not None
        for part in parts:
            child.stdin.write(_HEADER.pack(len(part)) + part)
        child.stdin.flush()
        self._done += 1
        return Converted.model_validate_json(_frame(child, time.monotonic() + seconds))

    def _started(self) -> "subprocess.Popen[bytes]":
        """A child that has said that it is ready: what it takes to start is not part of any file's time."""
        if self._child is None or self._child.poll() is not None:
            self.close()
            command = [sys.executable, "-m", "services.retrieval.adapters.sources.child"]
            environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
            _frame(self._child, time.monotonic() + _START_SECONDS)
        return self._child


def _frame(child: "subprocess.Popen[bytes]", deadline: float) -> bytes:
    """One answer: four bytes that say how long it is, and as many bytes.

    Raises:
        TimeoutError: it did not arrive by the deadline (monotonic seconds).
        _ChildLost: the child ended, or its answer is too long.
    """
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        received = b""
        length = _HEADER.size
        while len(received) < length:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            piece = os.read(child.stdout.fileno(), min(1 << 20, length - len(received)))
            if not piece:
                raise _ChildLost
            received += piece
            if length == len(received) == _HEADER.size:
                length += _HEADER.unpack(received)[0]
                if length > _ANSWER_BYTES_MAX:
                    raise _ChildLost
    return received[_HEADER.size :]
