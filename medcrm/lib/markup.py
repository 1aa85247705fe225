"""What does a piece of HTML say, as plain text? Lines stay lines; quotes get the mark of plain mail."""

from __future__ import annotations

from html.parser import HTMLParser

SILENT = {"script", "style", "title"}
BLOCKS = {"blockquote", "div", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "table", "tr", "ul"}
SPACED = {"blockquote", "h1", "h2", "h3", "h4", "hr", "p", "table"}


def plain_text(html: str) -> str:
    """Return the words of the HTML. Broken markup is read as a browser would, more or less."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "\n".join(reader.lines).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines = [""]
        self.depth = self.silence = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silence += tag in SILENT
        if tag == "br":
            self.lines.append("")
        elif tag in BLOCKS:
            self._break(tag)
        self.depth += tag == "blockquote"

    def handle_endtag(self, tag: str) -> None:
        self.silence = max(0, self.silence - (tag in SILENT))
        if tag in BLOCKS:
            self._break(tag)
        self.depth = max(0, self.depth - (tag == "blockquote"))

    def handle_data(self, data: str) -> None:
        if self.silence or not (data.strip() or self.lines[-1]):
            return
        words = " ".join(f"x{data}x".split())[1:-1]  # a space at either end stays one
        self.lines[-1] += words if self.lines[-1] else ("> " if self.depth else "") + words.lstrip()

    def _break(self, tag: str) -> None:
        """Begin a line; what stands by itself on a page, after an empty one."""
        if self.lines[-1]:
            self.lines.append("")
        if tag in SPACED and len(self.lines) > 1 and self.lines[-2]:
            self.lines.append("")
