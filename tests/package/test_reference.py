"""What is written about verbs and options agrees with the tables that the program parses by: --help, manual pages,
completions, schemas, README.

The tables come from the build (docs/tables.json); HEAPCORE names the program, whose build folder has the rest.
"""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAPCORE = pathlib.Path(os.environ.get("HEAPCORE", ROOT / "build/cmd/heapcore")).resolve()
WRITTEN = HEAPCORE.parents[1] / "docs"
TABLES = json.loads((WRITTEN / "tables.json").read_text()) if (WRITTEN / "tables.json").exists() else None
VERBS = {verb["name"]: verb for verb in TABLES["verbs"]} if TABLES else {}

pytestmark = pytest.mark.skipif(not TABLES, reason="this build has no manuals and completions")


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def run(*args, **options):
    return subprocess.run(list(map(str, args)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          **options)


def shown(verb):
    """The options of a verb, without those that only heapcore(1) has."""
    return [option for option in verb["options"] if option["help"]]


# A verb's page has its own options; the others, which many verbs take, are told once.
PAGES_OF_OPTIONS = {"common": "options", "selection": "selection"}


def told(verb, help_of_verb):
    """(text, options that are listed in it) for all options of a verb."""
    for owner in ("verb", *PAGES_OF_OPTIONS):
        options = [option for option in shown(verb) if option["owner"] == owner]
        if options:
            yield (run(HEAPCORE, "help", PAGES_OF_OPTIONS[owner]).stdout if owner in PAGES_OF_OPTIONS else help_of_verb), options


def plain(page):
    """The text of a manual page, as one line: a terminal's breaks and hyphens are not the page's."""
    needs("man")
    result = run("man", "-l", WRITTEN / page, env={**os.environ, "MANWIDTH": "1000", "LC_ALL": "C", "MANPAGER": "cat",
                                                   "MAN_KEEP_FORMATTING": ""})
    assert result.returncode == 0 and not result.stderr, result
    return " ".join(re.sub(".\b", "", result.stdout).split())


def as_typed(option):
    value = option["value"] or ""
    if option["optional"]:
        value = f"[={value.strip('[]')}]"
    elif value:
        value = " " + value
    return f"--{option['name']}{value}"


class TestTables:
    @pytest.mark.parametrize("verb", VERBS)
    def test_a_name_means_one_thing(self, verb):
        options = VERBS[verb]["options"]
        names = [option["name"] for option in options]
        letters = [option["letter"] for option in options if option["letter"]]
        assert len(set(names)) == len(names) and len(set(letters)) == len(letters)

    @pytest.mark.parametrize("verb", VERBS)
    def test_the_program_takes_each(self, verb):
        """Every name and letter, with a word where it takes some; --help ends it before it needs a core."""
        for option in VERBS[verb]["options"]:
            # An empty pattern, 1 byte, group 1: what every other option takes for a value.
            value = option["words"][0] if option["words"] else "1"
            if option["name"] == "prefilter":
                value = "literals"
            for name in ["--" + option["name"]] + (["-" + option["letter"]] if option["letter"] else []):
                args = [name] if not option["value"] or option["optional"] else [name, value]
                if option["name"] == "file":
                    args[1] = "/dev/null"
                result = run(HEAPCORE, verb, *args, "--help")
                assert result.returncode == 0 and result.stdout.startswith("usage: "), (args, result.stderr)

    @pytest.mark.parametrize("verb", VERBS)
    def test_the_program_takes_the_words_and_no_other(self, verb):
        for option in VERBS[verb]["options"]:
            if option["kind"] not in ("word", "list") or option["name"] in ("arena", "prefilter"):
                continue
            for word in option["words"]:
                assert run(HEAPCORE, verb, "--" + option["name"], word, "--help").returncode == 0
            result = run(HEAPCORE, verb, "--" + option["name"], "no-such-word", "x")
            assert result.returncode == 2 and all(word in result.stderr for word in option["words"]), result


class TestHelp:
    def test_verbs(self):
        text = run(HEAPCORE, "--help").stdout
        listed = re.findall(r"^  (\w+) +(.*)$", text.split("Verbs:\n")[1].split("\n\n")[0], re.M)
        assert listed == [(verb["name"], verb["summary"]) for verb in VERBS.values()]

    @pytest.mark.parametrize("verb", VERBS)
    def test_options(self, verb):
        for text, options in told(VERBS[verb], run(HEAPCORE, "help", verb).stdout):
            listed = re.findall(r"^  (?:-(\w), |    )(--[\w-]+(?:\[=\w+\]| \S+)?)", text, re.M)
            expected = [(option["letter"], as_typed(option)) for option in options]
            if options[0]["owner"] == "verb":
                assert listed == expected
            else:
                # A page for many verbs has what any of them takes; -o is grep's own there, and --output has no letter.
                assert {name for _, name in expected} <= {name for _, name in listed}

    @pytest.mark.parametrize("verb", VERBS)
    def test_words(self, verb):
        for text, options in told(VERBS[verb], run(HEAPCORE, verb, "--help").stdout):
            for option in options:
                assert option["help"] in " ".join(text.split())
                if option["kind"] in ("word", "list"):
                    assert set(option["words"]) <= set(re.findall(r"[\w-]+", option["help"])), option

    def test_version(self):
        project = re.search(r"^    version: '(.*)'", (ROOT / "meson.build").read_text(), re.M)[1]
        assert run(HEAPCORE, "--version").stdout == f"heapcore {project}\n"
        assert TABLES["version"] == project


class TestManual:
    PAGES = ["heapcore.1"] + [f"heapcore-{verb}.1" for verb in VERBS]

    def test_one_for_each_verb(self):
        assert sorted(page.name for page in WRITTEN.glob("*.1")) == sorted(self.PAGES)

    @pytest.mark.parametrize("page", PAGES)
    @pytest.mark.parametrize("tool", [["mandoc", "-Tlint", "-Wwarning"], ["groff", "-ww", "-man", "-Tascii", "-z"]],
                             ids=["mandoc", "groff"])
    def test_clean(self, tool, page):
        needs(tool[0])
        result = run(*tool, WRITTEN / page)
        assert result.returncode == 0 and not result.stdout and not result.stderr, result

    @pytest.mark.parametrize("verb", VERBS)
    def test_verb(self, verb):
        text = plain(f"heapcore-{verb}.1")
        assert f"NAME heapcore-{verb} - {VERBS[verb]['summary']} SYNOPSIS heapcore {verb} [OPTION]... " in text
        for option in shown(VERBS[verb]):
            letter = f"-{option['letter']}, " if option["letter"] else ""
            assert f" {letter}{as_typed(option)} " in text, option
            assert option["help"][1:] + "." in text, option
        formats = next(option["words"] for option in VERBS[verb]["options"] if option["name"] == "format")
        assert f"OUTPUT Formats: {', '.join(formats)}." in text
        schema = re.search(rf"/heapcore/schema/(heapcore\.{verb}\.json)", text)
        assert ("json" in formats) == bool(schema)
        assert not schema or (ROOT / "docs/schema" / schema[1]).exists()
        for line in run(HEAPCORE, verb, "--help").stdout.split("Examples:\n")[1].splitlines():
            assert " ".join(line.split()) in text

    def test_main_page_has_all_that_is_shared(self):
        text = plain("heapcore.1")
        for verb in VERBS.values():
            assert f" {verb['name']} {verb['arguments']} " in text and f"heapcore-{verb['name']}(1)" in text
            for option in verb["options"]:
                if option["owner"] != "verb":
                    assert f" {as_typed(option)} " in text, option
                    assert not option["more"] or " ".join(option["more"].split()) in text, option

    def test_says_where_schemas_are_installed(self):
        assert "@" not in "".join((WRITTEN / page).read_text() for page in self.PAGES)


class TestReadme:
    def test_verbs(self):
        listed = re.findall(r"^\| `(\w+)[^`]*` \|", (ROOT / "README.md").read_text(), re.M)
        assert sorted(listed) == sorted(VERBS)

    def test_options_that_choose_chunks(self):
        text = (ROOT / "README.md").read_text()
        for option in VERBS["chunks"]["options"]:
            if option["owner"] == "selection":
                assert f"`--{option['name']}`" in text, option


def classes():
    rows = run(HEAPCORE, "signatures", "--format", "csv").stdout.splitlines()[1:]
    return [row.split(",")[0] for row in rows if row.split(",")[2] != "secret"]


@pytest.fixture
def folder(tmp_path):
    """A place with a core, another file and a directory; the program is on PATH."""
    (tmp_path / "core.1").touch()
    (tmp_path / "notes").touch()
    (tmp_path / "dir").mkdir()
    return tmp_path


def path():
    return f"{HEAPCORE.parent}:{os.environ['PATH']}"


class TestBash:
    """The function that bash calls, with the words as bash gives them."""

    SCRIPT = """
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _heapcore && ((${#COMPREPLY[@]})) && printf '%s\\n' "${COMPREPLY[@]}"
        true
    """

    def complete(self, *words, cwd=None):
        needs("bash")
        result = run("bash", "-uc", self.SCRIPT, "bash", WRITTEN / "heapcore", "heapcore", *words, cwd=cwd,
                     env={**os.environ, "PATH": path()})
        assert result.returncode == 0 and not result.stderr, result
        return result.stdout.split()

    def test_verbs(self):
        assert self.complete("") == [*VERBS, "help", "--help", "--version"]
        assert self.complete("help", "") == list(VERBS)
        assert self.complete("gr") == ["grep"]

    @pytest.mark.parametrize("verb", VERBS)
    def test_options(self, verb):
        expected = []
        for option in shown(VERBS[verb]):
            expected += (["-" + option["letter"]] if option["letter"] else []) + ["--" + option["name"]]
        assert self.complete(verb, "-") == self.complete(verb, "core", "-") == expected
        assert self.complete(verb, "--fo") == ["--format", "--force"]

    @pytest.mark.parametrize("verb", VERBS)
    def test_values(self, verb, folder):
        for option in shown(VERBS[verb]):
            expected = {"word": option["words"], "list": option["words"], "class": classes(), "dir": ["dir"],
                        "file": ["core.1", "dir", "notes"], "any": []}[option["kind"]]
            if not option["value"] or option["optional"]:
                expected = []
            ways = [["--" + option["name"], ""]]
            if option["letter"]:
                ways.append(["-" + option["letter"], ""])
            if expected:
                # With "=" in COMP_WORDBREAKS, as it is by default.
                ways += [["--" + option["name"], "="], ["--" + option["name"], "=", ""]]
            for way in ways:
                assert sorted(self.complete(verb, *way, cwd=folder)) == sorted(expected), (way, option)

    def test_parts(self, folder):
        assert self.complete("chunks", "--state", "in-use,t") == ["in-use,tcache", "in-use,top"]
        assert self.complete("chunks", "--state=in-use,unso") == ["--state=in-use,unsorted"]
        assert self.complete("chunks", "--class", "=", "http-req") == ["http-request"]
        assert self.complete("dump", "--format", "") == ["text", "json", "csv", "markdown", "hex"]
        # In grep -o takes no value: what follows is a core.
        assert self.complete("grep", "-o", "", cwd=folder) == []
        assert self.complete("chunks", "-o", "no", cwd=folder) == ["notes"]

    def test_lint(self):
        needs("shellcheck")
        result = run("shellcheck", WRITTEN / "heapcore")
        assert result.returncode == 0, result.stdout


class TestFish:
    def complete(self, line, cwd=None):
        needs("fish")
        result = run("fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", WRITTEN / "heapcore.fish",
                     line, cwd=cwd, env={**os.environ, "PATH": path(), "HOME": str(cwd or "/nonexistent")})
        assert result.returncode == 0, result
        return [row.split("\t")[0] for row in result.stdout.splitlines()]

    def test_syntax(self):
        needs("fish")
        assert run("fish", "-n", WRITTEN / "heapcore.fish").returncode == 0

    def test_verbs(self):
        assert sorted(self.complete("heapcore ")) == sorted([*VERBS, "help"])
        assert sorted(self.complete("heapcore help ")) == sorted(VERBS)

    @pytest.mark.parametrize("verb", VERBS)
    def test_options(self, verb, folder):
        offered = self.complete(f"heapcore {verb} --", folder)
        assert sorted(option.rstrip("=") for option in offered) == sorted("--" + o["name"] for o in shown(VERBS[verb]))

    @pytest.mark.parametrize("verb", ["chunks", "grep", "dump", "histogram"])
    def test_values(self, verb, folder):
        for option in shown(VERBS[verb]):
            expected = {"word": option["words"], "list": option["words"], "class": classes(), "dir": ["dir/"],
                        "file": ["core.1", "dir/", "notes"], "any": []}[option["kind"]]
            if option["value"] and not option["optional"]:
                assert sorted(self.complete(f"heapcore {verb} --{option['name']} ", folder)) == sorted(expected), option

    def test_parts(self, folder):
        assert self.complete("heapcore chunks --state in-use,t", folder) == ["in-use,tcache", "in-use,top"]
        assert self.complete("heapcore grep -o no", folder) == ["notes"]


class TestZsh:
    def complete(self, line, cwd):
        """What TAB makes of a line that can only go on in one way."""
        needs("zsh")
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(cwd)
            os.environ.update(PATH=path(), TERM="dumb", HOME=str(cwd))
            os.execvp("zsh", ["zsh", "-f", "-i"])
        try:
            os.write(terminal, f"PS1=''; fpath=({WRITTEN} $fpath); autoload -U compinit; compinit -u -D; "
                               "stty cols 200; bindkey '^X' beginning-of-line; print RE''ADY\n".encode())
            assert "READY\r\n" in self.read(terminal, "READY\r\n")
            # The line as TAB left it is printed instead of being run.
            os.write(terminal, line.encode() + b"\t\x18print -r -- DO''NE \x05 .\n")
            return re.findall(r"DONE (.*) \.\r\n", self.read(terminal, " .\r\n"))[-1].strip()
        finally:
            os.close(terminal)
            os.waitpid(child, 0)

    @staticmethod
    def read(terminal, mark):
        text, end = "", time.monotonic() + 60
        while not re.search(rf"^(DONE .*)?{re.escape(mark)}", text, re.M) and time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                text += os.read(terminal, 65536).decode(errors="replace")
        return text

    def test_syntax(self):
        needs("zsh")
        result = run("zsh", "-n", WRITTEN / "_heapcore")
        assert result.returncode == 0, result

    def test_has_every_option(self):
        text = (WRITTEN / "_heapcore").read_text()
        calls = dict(re.findall(r"^\t(\w+)\)\n\t\t_arguments(.*?)^\t\t;;", text, re.M | re.S))
        assert sorted(calls) == sorted(VERBS)
        for verb in VERBS.values():
            offered = re.findall(r"^\t\t\t(?:'[^']*'\{-(\w)\+?,|'\*?)--([\w-]+)", calls[verb["name"]], re.M)
            assert offered == [(option["letter"], option["name"]) for option in shown(verb)]
            for option in shown(verb):
                assert not option["words"] or " ".join(option["words"]) in calls[verb["name"]]

    @pytest.mark.parametrize("typed,whole", [
        ("gre", "grep"), ("help gre", "help grep"), ("grep --only-m", "grep --only-matching"),
        ("grep --by si", "grep --by size"), ("chunks --state in-use,tc", "chunks --state in-use,tcache"),
        ("chunks --class http-req", "chunks --class http-request"), ("dump --format h", "dump --format hex"),
        ("info co", "info core.1"), ("info --sysroot d", "info --sysroot dir")])
    def test_completes(self, typed, whole, folder):
        assert self.complete(f"heapcore {typed}", folder) == f"heapcore {whole}"
