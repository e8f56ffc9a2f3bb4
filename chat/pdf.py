"""A conversation as a PDF: paginated, in any script, each answer with what it cites."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.bidi import auto_detect_base_direction
from fpdf.enums import Align, TextDirection, XPos, YPos

from chat import fonts
from chat.models import Citation, Conversation, Message
from doculume.errors import PayloadTooLarge

# More takes a web process too long; JSON has no such limit.
MOST_CHARACTERS = 150_000
# The writer takes a paragraph apart character by character, which costs by the square.
LONGEST_PIECE = 1_000
# A line may end after these, which have no spaces between words.
UNSPACED = re.compile(
    r"(?<=[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\uff00-\uff60、。])(?=[\u3040-\u30fa\u3400-\u9fff])"
)
PLAIN = re.compile(r"[\x20-\x7e\xa0-\u017f\u0391-\u03c9\u0400-\u045f–—‘’“”„…€]*")
REPLACEMENT = "\ufffd"
ROLES = {Message.Role.USER: "Question", Message.Role.ASSISTANT: "Answer", Message.Role.SYSTEM: "Instruction"}
BLACK, GRAY, BLUE = (20, 20, 20), (110, 110, 110), (30, 80, 160)


class TooLong(PayloadTooLarge):
    message = "The conversation is too long for a PDF. Export it as JSON."


def write(conversation: Conversation, messages: list[Message]) -> bytes:
    """The PDF. `messages` come with their citations. Raises TooLong."""
    lines = [line for message in messages for line in _words_of(message)]
    text = "\n".join([conversation.title, *lines])
    if len(text) > MOST_CHARACTERS:
        raise TooLong
    with tempfile.TemporaryDirectory() as folder:
        page = Paper(conversation.title or "Conversation", fonts.cast(text + COMMON), Path(folder))
        page.head(conversation)
        for message in messages:
            page.said(message)
        return bytes(page.output())


# What is on every page, and what stands in for what no font draws.
COMMON = "".join(map(chr, range(32, 127))) + f"·–{REPLACEMENT}{fonts.ZERO_WIDTH_SPACE}"


def _words_of(message: Message) -> Iterator[str]:
    yield message.content
    yield message.reason
    for citation in message.citations.all():
        yield from (citation.file_name, citation.title, citation.snippet)


class Paper(FPDF):
    """A4, with a heading on the first page and the title and number below each."""

    def __init__(self, title: str, cast: dict[fonts.Face, str], folder: Path) -> None:
        super().__init__(format="A4")
        self.heading = title
        self.own, *_ = cast
        self.face_of = {character: face.name.lower() for face, own in cast.items() for character in own}
        self.covered = {face.name.lower(): face.covers() for face in cast}
        self.before = ""
        for face, characters in cast.items():
            file = folder / f"{face.name}.otf"
            fonts.cut(face, characters + fonts.NEEDED * (face is not self.own), file)
            self.add_font(face.name, fname=str(file))
        self.set_fallback_fonts([face.name for face in cast if face is not self.own])
        self.fallbacks = self._fallback_font_ids
        # Else "{nb}" in a text would turn into a number.
        self.str_alias_nb_pages = ""
        self.set_title(title)
        self.set_creator("DocuLume")
        self.set_margins(20, 18)
        self.set_auto_page_break(True, margin=20)
        self.add_page()

    def get_fallback_font(self, char: str, style: str = "") -> str | None:
        if not fonts.is_joining(char):
            self.before = self.face_of.get(char, "")
        elif ord(char) not in self.covered.get(self.before, ()):
            self.before = self.face_of.get(char, self.before)
        return self.before or None

    def footer(self) -> None:
        self.set_y(-14)
        self._style(8, GRAY)
        self._shape(True)
        self.cell(w=self.epw - 25, h=5, text=self._drawn(self.heading[:90]), align=Align.L)
        self.cell(w=25, h=5, text=f"Page {self.page_no()}", align=Align.R)

    def head(self, conversation: Conversation) -> None:
        self._paragraphs(self.heading, 17, BLACK)
        model = conversation.wanted_model or conversation.model_name
        about = f"{_moment(conversation.created_at)} – {_moment(conversation.updated_at)} UTC"
        self._paragraphs(f"{about} · {model}" if model else about, 9, GRAY)

    def said(self, message: Message) -> None:
        self.ln(5)
        self._paragraphs(f"{ROLES[Message.Role(message.role)]} · {_moment(message.created_at)} UTC", 9, BLUE)
        self._paragraphs(message.content, 11, BLACK)
        if message.status != Message.Status.COMPLETE:
            reason = f": {message.reason}" if message.reason else ""
            self._paragraphs(f"This answer is {message.status}{reason}", 9, GRAY)
        for citation in message.citations.all():
            self._paragraphs(_named(citation), 9, BLUE)
            self._paragraphs(citation.snippet, 9, GRAY, indent=6)

    def _paragraphs(self, text: str, size: float, color: tuple[int, int, int], indent: float = 0) -> None:
        self._style(size, color)
        for line in text.splitlines() or [""]:
            is_rtl = auto_detect_base_direction(line) == TextDirection.RTL
            for piece in _pieces(self._drawn(line)):
                self._shape(not PLAIN.fullmatch(piece))
                self.set_x(self.l_margin + indent)
                align = Align.R if is_rtl else Align.L
                self.multi_cell(0, size * 0.5, piece, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _shape(self, wanted: bool) -> None:
        """What needs neither shaping nor another font is written in a fifth of the time."""
        self.set_text_shaping(wanted)
        self._fallback_font_ids = self.fallbacks if wanted else []

    def _style(self, size: float, color: tuple[int, int, int]) -> None:
        self.set_font(self.own.name, size=size)
        self.set_text_color(*color)

    def _drawn(self, text: str) -> str:
        """`text` with something to see in place of what no font draws, and nothing in place of what is not seen."""
        text = UNSPACED.sub(fonts.ZERO_WIDTH_SPACE, text.replace("\t", "    "))
        seen = (character for character in text if character.isprintable() or character in fonts.UNSEEN)
        known = self.face_of.keys() | fonts.UNSEEN
        return "".join(character if character in known else REPLACEMENT for character in seen)


def _pieces(line: str) -> Iterator[str]:
    """Of bounded length, cut between words where there are any."""
    while len(line) > LONGEST_PIECE:
        at = line.rfind(" ", LONGEST_PIECE // 2, LONGEST_PIECE) + 1 or LONGEST_PIECE
        yield line[:at]
        line = line[at:]
    yield line


def _named(citation: Citation) -> str:
    name = citation.file_name or citation.title or citation.url or "Source"
    return f"[{citation.index}] {name}" + (f", page {citation.page_number}" if citation.page_number else "")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
