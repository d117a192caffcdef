# SPDX-License-Identifier: BSD-2-Clause
"""docs/boot-parameters.md, docs/exit-codes.md, docs/hidden-features.md and docs/sextant-probe.1 are what the tables of the programs say; so is
`make help`."""

import re
import subprocess
from pathlib import Path

import gen_docs
import gen_man
import make_pictures
import pytest
from runner.guests import ROOT


def test_boot_parameters_are_up_to_date() -> None:
    assert gen_docs.TARGET.read_text(encoding="utf-8") == gen_docs.document(), "run tools/gen_docs.py"


def test_exit_codes_are_up_to_date() -> None:
    assert gen_docs.EXIT_CODES.read_text(encoding="utf-8") == gen_docs.exit_codes(), "run tools/gen_docs.py"


def test_hidden_features_are_up_to_date() -> None:
    assert gen_docs.HIDDEN_FEATURES.read_text(encoding="utf-8") == gen_docs.hidden_features(), "run tools/gen_docs.py"


def test_the_man_page_is_up_to_date() -> None:
    assert gen_man.TARGET.read_text(encoding="utf-8") == gen_man.manual(), "run tools/gen_docs.py"


def test_every_row_is_found() -> None:
    """Counted a second way: a row starts a line with the macro's name."""
    for path, macro in ((gen_docs.SOURCE / "probe/capabilities.def", "CAPABILITY"),
                        (gen_docs.SOURCE / "strategies/strategies.def", "STRATEGY"),
                        (gen_docs.SOURCE / "boot/parameters.def", "PARAMETER"),
                        (gen_docs.SOURCE / "core/hidden_features.def", "FEATURE_BIT"),
                        (gen_docs.SOURCE / "core/hidden_features.def", "REGISTERS"),
                        (gen_man.PROBE / "options.def", "OPTION")):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(f"{macro}(")]
        found = gen_docs.rows(path, macro)
        assert len(found) == len(lines) > 5
        assert len({len(row) for row in found}) == 1


def test_arguments_are_split_where_c_splits_them(tmp_path: Path) -> None:
    table = tmp_path / "table.def"
    table.write_text('/* ROW(comment, 1) */\nROW(A, "a, (b) \\"c\\"", WITH(X, Y),\n    "two " "parts", NULL)\n')
    assert gen_docs.rows(table, "ROW") == [["A", '"a, (b) \\"c\\""', "WITH(X, Y)", '"two " "parts"', "NULL"]]
    assert gen_docs.string('"a, (b) \\"c\\""') == 'a, (b) "c"'
    assert gen_docs.string('"two " "parts"') == "two parts"
    assert gen_docs.needs("WITH(X, Y)") == ["X", "Y"]
    assert gen_docs.needs("WITH_NOTHING") == []
    assert gen_docs.needs("NO_WAY") is None


def test_a_table_without_rows_is_an_error(tmp_path: Path) -> None:
    table = tmp_path / "table.def"
    table.write_text("/* nothing */\n")
    with pytest.raises(SystemExit):
        gen_docs.rows(table, "ROW")


def make(*words: str) -> str:
    return subprocess.run(["make", "--no-print-directory", "-C", ROOT, *words], check=True, capture_output=True, text=True).stdout


def test_help_is_for_people() -> None:
    """Every target and every variable has a line, and none of them is make's own language."""
    text = make("help")
    assert "$" not in text
    makefile = (ROOT / "Makefile").read_text()
    [targets] = re.findall(r"^\.PHONY:(.*)", makefile, re.MULTILINE)
    variables = set(re.findall(r"^(\w+) *\?=", makefile, re.MULTILINE)) - {"BUILD", "JOBS"}     # for building: the comment above them
    assert len(variables) > 10
    for name in set(targets.split()) - {"FORCE", "fuzz-short"}:
        assert re.search(rf"^{name} +\w", text, re.MULTILINE), name
    for name in variables:
        assert re.search(rf"^{name}=\S* +\S", text, re.MULTILINE), name
    assert re.search(r"^CPUS=4 +processors; on Bochs 2$", text, re.MULTILINE)


@pytest.mark.parametrize(("words", "cpus"), [
    pytest.param(["HOST=qemu72/EPYC"], 4, id="qemu"),
    pytest.param(["HOST=bochs30/tigerlake"], 2, id="bochs"),
    pytest.param(["HOST=bochs30/tigerlake", "CPUS=4"], 4, id="asked"),
])
def test_cpus(words: list[str], cpus: int) -> None:
    assert f"--cpus {cpus} " in make("-n", "report", "JSON=1", *words)


def test_board_and_devices() -> None:
    said = make("-n", "report", "JSON=1", "BOARD=q35,kernel-irqchip=split", "DEVICES=edu intel-iommu,intremap=on")
    assert "--board 'q35,kernel-irqchip=split' --devices 'edu intel-iommu,intremap=on' " in said


def test_the_pictures_of_the_readme() -> None:
    names = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert names == ["docs/report.png", "docs/matrix.png"]
    for name in names:
        picture = (ROOT / name).read_bytes()
        assert picture.startswith(b"\x89PNG") and len(picture) < 200_000, name


def test_a_report_for_a_picture() -> None:
    """From the verdict to its tables, as it stands there."""
    text = "seabios\r\nSextant: RUNS\r\n\r\nMachine\r\n  host       <b> & co\r\n\r\nCapabilities: Processor\r\n  detected\r\n"
    page = make_pictures.report_page(text)
    assert "<body><b>Sextant: RUNS</b><br>" in page and "  host       &lt;b&gt; &amp; co<br>" in page
    assert "seabios" not in page and "detected" not in page and "… and 2 lines more" in page
    with pytest.raises(SystemExit):
        make_pictures.report_page("nothing")
