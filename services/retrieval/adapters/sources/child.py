"""The child process of `converter`: reads files from standard input, one after another, within limits of its own."""

import json
import resource
import struct
import sys
import threading
from typing import BinaryIO

from services.retrieval.adapters.sources.markup import Unconvertible, html_to_markdown
from services.retrieval.adapters.sources.pdf import pdf_to_markdown

_MEMORY_BYTES = 1_500_000_000
_CPU_SECONDS = 3_600
_RECURSION_MAX = 40_000
_STACK_BYTES = 512_000_000
_HEADER = struct.Struct(">I")


def answer(question: dict[str, str], content: bytes) -> dict[str, str]:
    """What a file says, or under `refused` why it cannot be read."""
    try:
        if question["format"] == "pdf":
            return pdf_to_markdown(content)
        return html_to_markdown(content, url=question["url"], charset=question["charset"])
    except Unconvertible as error:
        return {"refused": str(error)}
    except RecursionError:
        return {"refused": "is nested too deeply to be read"}
    except MemoryError:
        return {"refused": "takes too much memory to be read"}
    except Exception as error:
        # Parsers fail on malformed files in ways of their own; none of them may end the reading of the others.
        return {"refused": f"is malformed ({type(error).__name__})"}


def _part(source: BinaryIO) -> bytes | None:
    header = source.read(_HEADER.size)
    return source.read(_HEADER.unpack(header)[0]) if len(header) == _HEADER.size else None


def _send(target: BinaryIO, content: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    target.write(_HEADER.pack(len(body)) + body)
    target.flush()


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answers until the input ends. The first answer says that the child is ready."""
    _send(target, {})
    while (question := _part(source)) is not None and (content := _part(source)) is not None:
        _send(target, answer(json.loads(question), content))


def main() -> None:
    """Runs the child. It may write no file, and a runaway ends by itself even where its parent is gone."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    sys.setrecursionlimit(_RECURSION_MAX)
    # The main thread's stack is the shell's setting; a deep page needs a deeper one.
    threading.stack_size(_STACK_BYTES)
    thread = threading.Thread(target=serve, args=(sys.stdin.buffer, sys.stdout.buffer))
    thread.start()
    thread.join()


if __name__ == "__main__":
    main()
