"""A scripted web server on the loopback that says byte for byte what a test wants, also what no good server would.

with ScriptedWeb({"/a": page("text")}) as server:
    ...  # server.url("/a"); server.requests holds the heads that came in
"""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

Answer = bytes | Iterable[bytes]
Say = Callable[[str], Answer]


def page(
    body: str | bytes, content_type: str = "text/html; charset=utf-8", status: str = "200 OK", **headers: str
) -> bytes:
    """A whole answer; underscores in the names of headers become dashes."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def moved(location: str, status: str = "302 Found") -> bytes:
    """A redirect."""
    return page(b"", status=status, Location=location)


def packed(body: bytes, content_type: str = "text/html") -> bytes:
    """An answer in gzip."""
    return page(gzip.compress(body), content_type, Content_Encoding="gzip")


class ScriptedWeb:
    """Answers each path with what it is given: bytes, pieces of bytes, or a function of the request's head."""

    def __init__(self, answers: Mapping[str, Answer | Say] | None = None) -> None:
        self.answers: dict[str, Answer | Say] = dict(answers or {})
        self.requests: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of a path."""
        return f"http://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [head.split(" ")[1] for head in self.requests]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._socket.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connected, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        with connected:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connected.recv(65_536)
                if not piece:
                    return
                head += piece
            self.requests.append(head.decode())
            answer = self.answers.get(head.split(b" ")[1].decode(), page("nothing here", status="404 Not Found"))
            answer = answer(head.decode()) if callable(answer) else answer
            try:
                for part in [answer] if isinstance(answer, bytes) else answer:
                    if self._ended.is_set():
                        return
                    connected.sendall(part)
            except OSError:
                return  # The other side has heard enough.


def dripping(head: bytes, piece: bytes = b"x", pause_seconds: float = 0.05) -> Iterable[bytes]:
    """A head, and then little by little for ever."""
    yield head
    while True:
        time.sleep(pause_seconds)
        yield piece
