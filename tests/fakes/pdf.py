"""Writes small PDFs by hand (ISO 32000-1, 7.5): lines of text at a size, page by page."""

from collections.abc import Sequence

Line = tuple[str, int]


def pdf(pages: Sequence[Sequence[Line]], title: str = "") -> bytes:
    """A document whose pages have these lines, each with the size of its letters in points."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        stream = _stream(lines)
        resources = "/Resources << /Font << /F1 3 0 R >> >> /MediaBox [0 0 612 792]"
        objects.append(f"<< /Type /Page /Parent 2 0 R {resources} /Contents {5 + 2 * number} 0 R >>".encode())
        objects.append(b"<< /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream")
    objects.append(f"<< /Title ({title}) >>".encode())
    return _file(objects)


def _stream(lines: Sequence[Line]) -> bytes:
    parts = ["BT"]
    for place, (text, size) in enumerate(lines):
        escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        parts.append(f"/F1 {size} Tf 1 0 0 1 72 {740 - 24 * place} Tm ({escaped}) Tj")
    return "\n".join([*parts, "ET"]).encode("cp1252")


def _file(objects: Sequence[bytes]) -> bytes:
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, size - 1, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer
