# SPDX-License-Identifier: BSD-2-Clause
"""Takes the README's pictures again. `make pictures` calls this.

make_pictures.py MATRIX REPORT DOCS     DOCS/report.png of the report in the file REPORT, and DOCS/matrix.png of
                                        MATRIX/index.html, where MATRIX is build/matrix

Exit status: 1 when there is no report, which ends it, or no page: the report has its picture then.
"""

import argparse
import html
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from harness import browser      # noqa: E402  # pylint: disable=wrong-import-position

MATRIX = (1120, 640)        # CSS pixels
REPORT = 800                # at least so wide; the lines decide
TABLES = "Capabilities: "   # where a report's tables begin: what is before it fits on a picture
VERDICT = "Sextant: "
STYLE = """body { margin: 0; padding: 14px 18px; width: max-content; background: #15171a; color: #d6d9dd;
    font: 12px/1.4 "DejaVu Sans Mono", monospace; white-space: pre; }
b { color: #fff; } .more { color: #a0a8b2; }"""


def report_page(text: str) -> str:
    """The beginning of a report as a terminal shows it; what is not indented stands out."""
    lines = text.replace("\r", "").splitlines()
    first = next((number for number, line in enumerate(lines) if line.startswith(VERDICT)), None)
    if first is None:
        raise SystemExit("make_pictures: there is no report in the file")
    end = next((number for number, line in enumerate(lines) if line.startswith(TABLES)), len(lines))
    shown, left = lines[first:end], len(lines) - end
    body = [html.escape(line) if line.startswith(" ") else f"<b>{html.escape(line)}</b>" for line in shown]
    if left:
        body.append(f'<span class="more">… and {left} lines more: every capability, the raw registers, the JSON object</span>')
    return f'<!DOCTYPE html><meta charset="utf-8"><style>{STYLE}</style><body>{"<br>".join(body)}</body>'


def picture_of_report(window: browser.Browser, text: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory) / "report.html"
        page.write_text(report_page(text), encoding="utf-8")
        window.size(REPORT, 100)
        window.go(page.as_uri())
        window.size(*window.run("return [document.body, document.documentElement].map((element, index) =>"
                                "index ? element.scrollHeight : element.offsetWidth)"))
        window.picture(target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("matrix", "report", "docs"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    page: Path = options.matrix.resolve() / "index.html"
    with browser.Browser() as window:
        picture_of_report(window, options.report.read_text(errors="replace"), options.docs / "report.png")
        print(options.docs / "report.png")
        if not page.exists():
            print(f"make_pictures: {page} is not there: make matrix makes it", file=sys.stderr)
            return 1
        window.size(*MATRIX)
        window.go(page.as_uri())
        window.picture(options.docs / "matrix.png")
        print(options.docs / "matrix.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
