"""HTML as Markdown: what a reader of the page sees as its content."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

NESTING_MAX = 2_000
_CONTENT_CHARACTERS_MIN = 200
# Not content; `header` only outside of the article, since the article's own holds its title.
_DROPPED = ["script", "style", "noscript", "template", "nav", "footer", "aside", "form", "button", "iframe", "object",
            "embed", "svg", "canvas", "video", "audio", "dialog", "select", "input", "textarea", "head"]  # fmt: skip
_DROPPED_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "dialog", "menu"}
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


class Unconvertible(Exception):
    """The file cannot be read; the text says why, as the rest of a sentence that begins with the file's name."""


class _Markdown(MarkdownConverter):
    """Without pictures: a drafter cannot quote one."""

    def convert_img(self, el: Tag, text: str, parent_tags: object) -> str:
        return str(el.get("alt") or "")


def html_to_markdown(content: bytes, *, url: str = "", charset: str = "") -> dict[str, str]:
    """The page's main content as Markdown, under `text`, with `title` and `language`.

    Scripts, navigation and everything hidden is left out: what a reader cannot see must not become evidence. Links
    become absolute by `url`; those that lead to no page lose their address.

    Raises:
        Unconvertible: the page is nested deeper than NESTING_MAX, or has no text.
    """
    soup = BeautifulSoup(content, "html.parser", from_encoding=charset or None)
    if any(depth > NESTING_MAX for depth in _depths(soup)):
        raise Unconvertible(f"is nested deeper than {NESTING_MAX} elements")
    title, language = _title(soup), _language(soup)
    _drop(soup)
    main = _main(soup)
    _mend_links(main, url)
    markdown = _Markdown(
        heading_style="ATX",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        code_language_callback=_code_language,
    )
    text = _BLANK_LINES.sub("\n\n", markdown.convert_soup(main)).strip()
    if not text:
        raise Unconvertible("holds no text")
    return {"text": text + "\n", "title": title, "language": language}


def _depths(soup: BeautifulSoup) -> Iterator[int]:
    """The depth of each element, without recursion."""
    waiting: list[tuple[Tag, int]] = [(soup, 0)]
    while waiting:
        tag, depth = waiting.pop()
        yield depth
        waiting += [(child, depth + 1) for child in tag.children if isinstance(child, Tag)]


def _title(soup: BeautifulSoup) -> str:
    """The heading where there is exactly one, since the title element often carries the site's name too."""
    headings = soup.find_all("h1", limit=2)
    chosen = headings[0] if len(headings) == 1 else soup.title or (headings[0] if headings else None)
    return " ".join(chosen.get_text(" ").split())[:500] if chosen else ""


def _language(soup: BeautifulSoup) -> str:
    root = soup.find("html")
    tag = str(root.get("lang") or "") if isinstance(root, Tag) else ""
    return tag.partition("-")[0].lower() if re.fullmatch(r"[A-Za-z]{2,3}(-[\w-]{1,20})?", tag) else ""


def _drop(soup: BeautifulSoup) -> None:
    unwanted = [tag for tag in soup.find_all(True) if _is_unwanted(tag)]
    for tag in unwanted:
        # Taking out leaves the inside whole, which may be in the list too; destroying it would visit it again.
        tag.extract()


def _is_unwanted(tag: Tag) -> bool:
    if tag.name in _DROPPED or tag.get("role") in _DROPPED_ROLES:
        return True
    if tag.has_attr("hidden") or tag.get("aria-hidden") == "true":
        return True
    if _HIDING.search(str(tag.get("style") or "").lower()):
        return True
    return tag.name == "header" and tag.find_parent(["article", "main"]) is None


def _main(soup: BeautifulSoup) -> Tag:
    """The element that holds the content, if the page says which one it is."""
    for found in (soup.find("main"), soup.find(True, {"role": "main"}), soup.find("article")):
        if isinstance(found, Tag) and len(found.get_text()) >= _CONTENT_CHARACTERS_MIN:
            return found
    return soup.body or soup


def _mend_links(main: Tag, url: str) -> None:
    for link in main.find_all("a"):
        target = _absolute(str(link.get("href") or ""), url)
        if target and link.get_text(strip=True):
            link["href"] = target
            del link["title"]
        else:
            link.unwrap()


def _absolute(target: str, url: str) -> str:
    """The target as an address of the web, or nothing where it is none, or a place on the same page."""
    if target.startswith("#"):
        return ""
    try:
        found = urljoin(url, target.strip())
        return found if urlsplit(found).scheme in {"http", "https"} and not re.search(r"[\s()<>]", found) else ""
    except ValueError:
        return ""


def _code_language(pre: Tag) -> str:
    code = pre.find("code") or pre
    classes = code.get("class") if isinstance(code, Tag) else None
    names = [str(name) for name in classes or []] if not isinstance(classes, str) else classes.split()
    found = next((name.removeprefix("language-") for name in names if name.startswith("language-")), "")
    return found if re.fullmatch(r"[\w+#-]{1,20}", found) else ""
