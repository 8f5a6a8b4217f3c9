"""What installing puts where, the archive of a release, and the Debian package.

HEAPCORE names the program; what is installed is the build that it is of. The archive is of the last commit, the package
is of the files as they are.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAPCORE = pathlib.Path(os.environ.get("HEAPCORE", ROOT / "build/cmd/heapcore")).resolve()
BUILD = HEAPCORE.parents[1]
VERSION = re.search(r"^    version: '(.*)'", (ROOT / "meson.build").read_text(), re.M)[1]
VERBS = sorted(path.stem for path in (ROOT / "docs/manual").glob("*.man") if path.stem != "heapcore")
CASES = sorted(str(path.relative_to(ROOT / "docs/cases")) for path in (ROOT / "docs/cases").rglob("*") if path.is_file())


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def run(*args, timeout=1800, status=0, **options):
    # A folder that belongs to another user is a repository, too.
    environment = {**os.environ, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                   "GIT_CONFIG_VALUE_0": "*", **options.pop("env", {})}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "DESTDIR"):
        environment.pop(name, None)
    result = subprocess.run(list(map(str, args)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=timeout, env=environment, **options)
    assert result.returncode == status, result.stdout[-8000:]
    return result.stdout


def tracked():
    """Files of the source tree; what is not in a repository has no list of them."""
    needs("git")
    if subprocess.run(["git", "-C", ROOT, "rev-parse"], capture_output=True).returncode and not (ROOT / ".git").exists():
        pytest.skip("the source tree is not a git repository")
    names = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def expected(datadir="share", zsh="share/zsh/site-functions"):
    """Below the prefix."""
    doc = f"{datadir}/doc/heapcore"
    return sorted(
        ["bin/heapcore", f"{datadir}/man/man1/heapcore.1", f"{datadir}/heapcore/signatures/builtin.ini",
         f"{datadir}/bash-completion/completions/heapcore", f"{zsh}/_heapcore",
         f"{datadir}/fish/vendor_completions.d/heapcore.fish"]
        + [f"{datadir}/man/man1/heapcore-{verb}.1" for verb in VERBS]
        + [f"{datadir}/heapcore/schema/heapcore.{verb}.json" for verb in VERBS if verb != "shell"]
        + [f"{doc}/{name}" for name in ("README.md", "NEWS.md", "adding.md", "design.md", "export.md", "fleet.md",
                                    "library.md", "performance.md", "recipes.md", "scale.svg", "security.md")]
        + [f"{doc}/cases/{name}" for name in CASES])


def shared(libdir):
    return [f"{libdir}/libheapcore.so.{VERSION}", f"{libdir}/libheapcore.so.0"]


def development(libdir):
    return ["include/heapcore.h", f"{libdir}/libheapcore.so", f"{libdir}/pkgconfig/libheapcore.pc"]


def module(folder="share/heapcore/python"):
    return [f"{folder}/heapcore/{name}" for name in ("__init__.py", "_library.py", "py.typed")]


def version_by_python(folder, library):
    """What the module says, found in a folder, of a library that is elsewhere."""
    return run(sys.executable, "-c", "import heapcore; print(heapcore.version())",
               env={"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "HEAPCORE_LIBRARY": library}).strip()


def test_versions_agree():
    """meson.build is where it stands; a changelog and the news say of each release what was new in it."""
    assert run(HEAPCORE, "--version") == f"heapcore {VERSION}\n"
    assert re.search(r"^## (\S+)", (ROOT / "NEWS.md").read_text(), re.M)[1] == VERSION
    assert re.match(r"heapcore \((\S+)\)", (ROOT / "debian/changelog").read_text())[1] == VERSION


def test_version_is_in_no_source():
    history = ("meson.build", "NEWS.md", "debian/changelog", "docs/performance.md", "LICENSE")
    for name in tracked():
        if name not in history and not name.startswith(("testdata/", "docs/cases/")):
            assert f"heapcore {VERSION}" not in (ROOT / name).read_text(errors="replace"), name


class TestInstall:
    @pytest.fixture(scope="class")
    def installed(self, tmp_path_factory):
        needs("meson")
        if not (BUILD / "docs/heapcore.1").exists():
            pytest.skip("this build has no manuals and completions")
        destination = tmp_path_factory.mktemp("destination")
        options = {o["name"]: o["value"] for o in json.loads(run("meson", "introspect", "--buildoptions", BUILD))}
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", destination)
        return destination, destination / options["prefix"].lstrip("/"), options

    def test_tree(self, installed):
        destination, prefix, options = installed
        libdir = options["libdir"]
        assert files(prefix) == sorted(expected() + shared(libdir) + development(libdir) + module())
        assert len(files(destination)) == len(files(prefix))

    def test_program_works_from_there(self, installed, tmp_path):
        _, prefix, _ = installed
        program = prefix / "bin/heapcore"
        assert run(program, "--version") == f"heapcore {VERSION}\n"
        assert "Verbs:" in run(program, "help")
        run(program, "signatures", "--test", prefix / "share/heapcore/signatures/builtin.ini")
        golden = ROOT / "testdata/golden/golden.core.xz"
        assert json.loads(run(program, "analyze", golden, "--format", "json", "-q"))["schema"] == "heapcore.analyze/2"

    def test_library_works_from_there(self, installed, tmp_path):
        """pkg-config finds header and library, a program runs with it, and so does the module."""
        needs("pkg-config", "gcc")
        destination, prefix, options = installed
        folder = prefix / options["libdir"]
        flags = run("pkg-config", "--cflags", "--libs", "libheapcore",
                    env={"PKG_CONFIG_PATH": folder / "pkgconfig", "PKG_CONFIG_SYSROOT_DIR": destination}).split()
        (tmp_path / "version.c").write_text("#include <heapcore.h>\n#include <stdio.h>\n"
                                            "int main(void) { return puts(heapcore_version()) < 0; }\n")
        run("gcc", "-o", tmp_path / "version", tmp_path / "version.c", *flags)
        assert run(tmp_path / "version", env={"LD_LIBRARY_PATH": folder}) == f"{VERSION}\n"
        assert version_by_python(prefix / "share/heapcore/python", folder / "libheapcore.so.0") == VERSION

    def test_manuals_name_what_is_installed(self, installed):
        destination, prefix, options = installed
        for page in (prefix / "share/man/man1").iterdir():
            text = page.read_text().replace("\\-", "-")
            for name in re.findall(rf"{options['prefix']}/[\w./-]+[\w-]", text):
                assert (destination / name.lstrip("/")).exists(), (page, name)

    def test_schemas_and_cases_are_what_the_tree_has(self, installed):
        _, prefix, _ = installed
        for path in (prefix / "share/heapcore/schema").iterdir():
            assert path.read_bytes() == (ROOT / "docs/schema" / path.name).read_bytes()
        assert sorted(path.name for path in (ROOT / "docs/schema").iterdir()) == \
            sorted(path.name for path in (prefix / "share/heapcore/schema").iterdir())
        for name in CASES:
            assert (prefix / "share/doc/heapcore/cases" / name).read_bytes() == (ROOT / "docs/cases" / name).read_bytes()


def test_cross_build_without_a_way_to_run_programs(tmp_path):
    """Manuals and completions are left out with a word about it; the rest installs."""
    needs("meson", "gcc", "pkg-config")
    machine = os.uname().machine
    (tmp_path / "cross.ini").write_text(
        "[binaries]\nc = 'gcc'\npkgconfig = 'pkg-config'\nstrip = 'strip'\n"
        f"[host_machine]\nsystem = 'linux'\ncpu_family = '{machine}'\ncpu = '{machine}'\nendian = 'little'\n"
        "[properties]\nneeds_exe_wrapper = true\n")
    output = run("meson", "setup", tmp_path / "build", ROOT, "--cross-file", tmp_path / "cross.ini", "-Dtests=false")
    assert "no manual pages and no completions" in output
    places = list(json.loads(run("meson", "introspect", "--installed", tmp_path / "build")).values())
    assert any(place.endswith("/bin/heapcore") for place in places)
    assert any(place.endswith("/schema/heapcore.analyze.json") for place in places)
    assert not any("/man1/" in place or "completion" in place for place in places)


def compiler_cache():
    """Compilers by way of a cache, where there is one: the same code was compiled before."""
    folder = "/usr/lib/ccache"
    return {"PATH": f"{folder}:{os.environ['PATH']}"} if os.path.isdir(folder) else {}


def test_archive_builds_and_passes_its_tests(tmp_path):
    """`meson dist` unpacks what it packed, builds it and runs its unit tests."""
    needs("meson", "git")
    if not (ROOT / ".git").exists():
        pytest.skip("the source tree is not a git repository")
    # It is asked whether everything is in there, and not how fast that is.
    run("meson", "setup", tmp_path / "build", ROOT, "-Doptimization=0", env=compiler_cache())
    dirty = ["--allow-dirty"] if "--allow-dirty" in run("meson", "dist", "--help") else []
    output = run("meson", "dist", "-C", tmp_path / "build", "--formats", "gztar", *dirty, env=compiler_cache())
    assert re.search(r"^Ok: +[1-9]", output, re.M) and re.search(r"^Fail: +0", output, re.M), output[-4000:]
    version = re.search(r"^Distribution package .*/heapcore-(.*)\.tar\.gz tested", output, re.M)[1]
    with tarfile.open(tmp_path / f"build/meson-dist/heapcore-{version}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "meson.build", "docs/cases", "debian/control"} <= names


class TestDebian:
    @pytest.fixture(scope="class")
    def packages(self, tmp_path_factory):
        """Folder with what dpkg-buildpackage made."""
        needs("dpkg-buildpackage", "dh", "dpkg-checkbuilddeps")
        source = tmp_path_factory.mktemp("debian") / "heapcore"
        for name in tracked():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
        missing = subprocess.run(["dpkg-checkbuilddeps"], cwd=source, capture_output=True, text=True)
        if missing.returncode:
            pytest.skip("unmet build dependencies: " + missing.stderr.strip().split(": ")[-1])
        # The unit tests are those of the archive.
        run("dpkg-buildpackage", "-us", "-uc", "-b", cwd=source,
            env={**compiler_cache(), "DEB_BUILD_OPTIONS": f"nocheck parallel={os.cpu_count()}"})
        return source.parent

    def package(self, packages, name="heapcore"):
        return next(packages.glob(f"{name}_*.deb"))

    def unpacked(self, packages, folder, name="heapcore"):
        """Files of a package below usr, but for those that every package has."""
        run("dpkg-deb", "-x", self.package(packages, name), folder)
        names = {path[:-3] if path.endswith(".gz") else path for path in files(folder / "usr")}
        of_debian = {f"share/doc/{name}/changelog", f"share/doc/{name}/copyright"}
        assert of_debian <= names
        return sorted(names - of_debian)

    def test_version(self, packages):
        assert run("dpkg-deb", "-f", self.package(packages), "Version").strip() == VERSION

    def test_contents(self, packages, tmp_path):
        fleet = [f"share/doc/heapcore/examples/fleet/{path.name}" for path in (ROOT / "examples/fleet").iterdir()]
        assert self.unpacked(packages, tmp_path) == sorted(expected(zsh="share/zsh/vendor-completions") + fleet)
        assert run(tmp_path / "usr/bin/heapcore", "--version") == f"heapcore {VERSION}\n"

    def test_library(self, packages, tmp_path):
        """One package to run with, one to compile with, one for Python; unpacked together they work."""
        libdir = f"lib/{run('dpkg-architecture', '-qDEB_HOST_MULTIARCH').strip()}"
        folder = "lib/python3/dist-packages"
        examples = [f"share/doc/python3-heapcore/examples/{path.name}" for path in (ROOT / "examples").glob("*.py")]
        for name, names in (("libheapcore0", shared(libdir)), ("libheapcore-dev", development(libdir)),
                            ("python3-heapcore", module(folder) + examples)):
            assert self.unpacked(packages, tmp_path / name, name) == sorted(names), name
        control = run("dpkg-deb", "-f", self.package(packages, "python3-heapcore"), "Depends")
        assert f"libheapcore0 (>= {VERSION})" in control
        assert "heapcore_open@HEAPCORE_0.2" in run("dpkg-deb", "-I", self.package(packages, "libheapcore0"), "symbols")
        assert version_by_python(tmp_path / "python3-heapcore/usr" / folder,
                                 tmp_path / "libheapcore0/usr" / libdir / "libheapcore.so.0") == VERSION

    def test_lintian(self, packages):
        needs("lintian")
        changes = next(packages.glob("*.changes"))
        output = run("lintian", "--fail-on", "error,warning", "--allow-root", changes)
        assert not re.search(r"^[EW]: ", output, re.M), output
