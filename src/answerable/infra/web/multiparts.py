"""Forms that bring files along (``multipart/form-data``): each field as a text, each file as what is written in it."""

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_

MULTIPART = "multipart/form-data"


def parts_in(content_type: str, body: bytes, most: int) -> list[tuple[str, str]]:
    """Read the fields and files of a form, at most so many. Raises ``Invalid``.

    A file is read as UTF-8, with or without its mark; what is none in it is not understood later. Its name is its
    sender's and does not matter.
    """
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    found: list[tuple[str, bytearray]] = []
    try:
        with PushMultipartParser(boundary, len(body), max_segment_count=most, strict=True) as parser:
            for piece in parser.parse(body):
                if isinstance(piece, MultipartSegment):
                    found.append((piece.name or "", bytearray()))
                elif piece:
                    found[-1][1].extend(piece)
    except (MultipartError, UnicodeError) as error:
        raise Invalid(N_("The form cannot be read.")) from error
    return [(name, bytes(text).decode("utf-8-sig", "replace")) for name, text in found]
