"""A file of more than a million chunks, opened by somebody else's viewer of SQLite files, and in a browser: phpLiteAdmin and Chromium."""
import re
import shutil
import sqlite3
import subprocess
import pathlib
import urllib.parse

import pytest

import browser as browsers
import conftest
import machine

PROGRAM = pathlib.Path("/usr/share/phpliteadmin/phpliteadmin.php")
# Rows of a page.
ROWS = 200
# What it shows of a table: names of columns, and texts of cells.
SHOWN = """(function () {
    const rows = Array.from(document.querySelector("table.viewTable").rows, (row) => Array.from(row.cells, (cell) => cell.innerText.trim()));
    return [rows[0].slice(1).map((name) => name.split(" ")[0]), rows.slice(1).map((row) => row.slice(3))];
})()"""

pytestmark = conftest.release_only


@pytest.fixture(scope="module")
def file(heapcore, dump, tmp_path_factory):
    machine.need_program("php", "chromium")
    if not PROGRAM.exists() or "pdo_sqlite" not in subprocess.run(["php", "-m"], stdout=subprocess.PIPE, text=True).stdout:
        pytest.skip("phpliteadmin or php-sqlite3 is not installed")
    path = tmp_path_factory.mktemp("viewer") / "core.sqlite"
    heapcore("export", dump("bench_heap.c", "linked", "1250000"), "-o", path, "-q")
    return path


@pytest.fixture(scope="module")
def viewer(file, tmp_path_factory):
    """A browser that is logged in, and the address of the table of chunks."""
    machine.need("loopback")
    shutil.copy(PROGRAM, file.parent)
    file.with_name("phpliteadmin.config.php").write_text(f"<?php $password = 'open'; $directory = __DIR__; $rowsNum = {ROWS};")
    command = ["php", "-d", "display_errors=0", "-d", f"session.save_path={file.parent}", "-S", "127.0.0.1:0", "-t", file.parent]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server, \
            browsers.browser(tmp_path_factory.mktemp("browser")) as browser:
        try:
            page = re.search(r"http://[\d.:]+", server.stderr.readline())[0] + "/phpliteadmin.php"
            browser.open(page)
            browser.go("document.querySelector('[name=password]').value = 'open'; document.querySelector('form').submit()")
            yield browser, f"{page}?action=row_view&table=chunks&database={urllib.parse.quote(str(file))}"
        finally:
            server.terminate()


@pytest.mark.parametrize("asked,order", [
    ("", "address"), (f"&startRow={1_250_000}", "address"), ("&sort=size&order=DESC", "size DESC"), ("&sort=kind&order=ASC", "kind")])
def test_million_rows(viewer, file, asked, order):
    """The first page, the last one, and sorted ones: each has the rows that SQLite says."""
    browser, address = viewer
    browser.open(address + asked)
    names, rows = browser.ask(SHOWN)
    offset = int(asked.split("=")[1]) if "startRow" in asked else 0
    db = sqlite3.connect(file)
    expected = db.execute(f"SELECT * FROM chunks ORDER BY {order} LIMIT {ROWS} OFFSET {offset}")
    assert names == [column[0] for column in expected.description]
    assert rows == [["NULL" if value is None else str(value) for value in row] for row in expected] and rows
    total, = db.execute("SELECT count(*) FROM chunks").fetchone()
    assert total > 1_250_000 and re.search(rf"Total: {total}\b", browser.ask("document.body.innerText"))
