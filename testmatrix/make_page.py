# SPDX-License-Identifier: BSD-2-Clause
"""Makes the page of the test matrix again, and takes pictures of it. `make matrix` and `make page` call this.

make_page.py MATRIX            of MATRIX/matrix.json, where MATRIX is build/matrix
make_page.py MATRIX SHARD…     of the runs in the directories SHARD, which are put together in MATRIX

Exit status: 1 when there is nothing to show, or the whole is wrong: cells of different images, tests that no shard ran; and, of
shards, when a cell failed, since nobody has said so for all of them. Of one run pytest has.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]

from harness import browser, collect, merge, page      # noqa: E402  # pylint: disable=wrong-import-position

PICTURES = (("page-desktop.png", browser.DESKTOP, False), ("page-phone.png", browser.PHONE, True))


def read(directory: Path) -> collect.Document:
    try:
        document: collect.Document = json.loads((directory / "matrix.json").read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"make_page: {directory} has no result of a run: {error}") from error
    if document.get("schema") != collect.SCHEMA:
        raise SystemExit(f"make_page: {directory}/matrix.json is of another version")
    return document


def pictures(matrix: Path) -> None:
    with browser.Browser() as window:
        for name, (width, height), phone in PICTURES:
            window.size(width, height, phone)
            window.go((matrix / "index.html").as_uri())
            window.picture(matrix / name)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("matrix", type=Path)
    parser.add_argument("shards", type=Path, nargs="*")
    options = parser.parse_args(words)
    matrix: Path = options.matrix.resolve()
    if options.shards:
        matrix.mkdir(parents=True, exist_ok=True)
        document = merge.merge([read(shard) for shard in options.shards])
        merge.copy(matrix, [shard for shard in options.shards if shard.resolve() != matrix])
    else:
        document = read(matrix)
    page.write(matrix, document)
    pictures(matrix)
    print(collect.summary(document))
    for complaint in document["complaints"]:
        print(f"MATRIX: {complaint}", file=sys.stderr)
    print(matrix / "index.html")
    return 1 if document["complaints"] or options.shards and collect.bad(document) else 0


if __name__ == "__main__":
    sys.exit(main())
