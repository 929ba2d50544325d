"""The report as one self-contained page: no network, no styles or scripts but its own."""

import base64
import hashlib
import os
import re
import tempfile
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from records.file import Run
from records.together import read_runs
from reports.payload import Links, embeddable, payload
from reports.summary import Summary, summarize
from reports.text import cut, figure

PAGE_NAME = "index.html"
STYLES = ("style.css", "figures.css")
SCRIPTS = ("dom.js", "views.js", "script.js")

_URL = re.compile(r"https?://[^\s<>\"'()]+[^\s<>\"'().,:;]")
_LOADER = PackageLoader("reports")


def render(run: Run) -> str:
    """Return the report of a run as one HTML document."""
    return render_summary(summarize(run))


def render_summary(summary: Summary) -> str:
    """Return the report of view data as one HTML document."""
    environment, links = _templates(), Links(summary)
    style, script = _joined(environment, STYLES), _joined(environment, SCRIPTS)
    return environment.get_template("index.html.j2").render(
        summary=summary,
        link=links,
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        data=Markup(embeddable(payload(summary, links))),
    )


@cache
def _templates() -> Environment:
    """Return the templates, which are compiled once."""
    environment = Environment(
        loader=_LOADER,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"linked": linked, "cut": cut, "figure": figure}
    return environment


def write(directory: Path, *others: Path, output: Path | None = None) -> Path:
    """Read the records in one or more directories and write them as one page; return its path.

    The page is `index.html` in `output`, or else in the first directory. Raises RecordsError.
    """
    return write_page(read_runs((directory, *others)), Path(output or directory))


def write_page(run: Run, directory: Path) -> Path:
    """Write the page of a run into a directory, which is made where it is missing."""
    page = render(run)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / PAGE_NAME
    handle, name = tempfile.mkstemp(prefix=".index-", suffix=".html", dir=directory)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        os.chmod(name, 0o644)  # mkstemp's own mode would hide the report from a web server
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return path


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy under which only this style and this script run."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def linked(text: str) -> Markup:
    """Escape the text and turn the web addresses in it into links."""
    parts, end = [], 0
    for match in _URL.finditer(text):
        url = escape(match[0])
        parts += [escape(text[end : match.start()])]
        parts += [Markup('<a href="{0}" rel="noreferrer noopener">{0}</a>').format(url)]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def _joined(environment: Environment, names: tuple[str, ...]) -> str:
    sources = (_LOADER.get_source(environment, name)[0] for name in names)
    return "\n" + "\n".join(sources)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
