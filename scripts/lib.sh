# shellcheck shell=bash
# Shared by the scripts in this folder: which packages are needed, how they come, and the builds.
# To be sourced by bash with "set -euo pipefail".

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The distribution's own interpreter: its pytest and jsonschema are packages, another one on PATH lacks them.
python=/usr/bin/python3

# One line per need: a group, how to see that it is there (where dpkg can't tell), and its package by the
# name that apt, dnf, zypper, pacman and apk give it.
package_table() {
    cat <<'TABLE'
build   cmd:gcc             gcc               gcc                   gcc              gcc           build-base
build   cmd:g++             g++               gcc-c++               gcc-c++          gcc           build-base
build   cmd:meson           meson             meson                 meson            meson         meson
build   cmd:ninja           ninja-build       ninja-build           ninja            ninja         samurai
build   cmd:pkg-config      pkg-config        pkgconf-pkg-config    pkg-config       pkgconf       pkgconf
build   pc:libelf           libelf-dev        elfutils-libelf-devel libelf-devel     libelf        elfutils-dev
build   pc:libdw            libdw-dev         elfutils-devel        libdw-devel      elfutils      elfutils-dev
build   pc:libarchive   libarchive-dev    libarchive-devel      libarchive-devel libarchive    libarchive-dev
build   pc:libpcre2-8       libpcre2-dev      pcre2-devel           pcre2-devel      pcre2         pcre2-dev
build   pc:inih            libinih-dev       inih-devel            libinih-devel    libinih       inih-dev
build   pc:smartcols        libsmartcols-dev  libsmartcols-devel    libsmartcols-devel util-linux-libs util-linux-dev
build   pc:jansson          libjansson-dev    jansson-devel         libjansson-devel jansson       jansson-dev
wanted  pc:libhs            libvectorscan-dev vectorscan-devel      vectorscan-devel vectorscan    vectorscan-dev
serve   cmd:g++             g++               gcc-c++               gcc-c++          gcc           build-base
serve   cmd:gcore           gdb               gdb                   gdb              gdb           gdb
serve   cmd:curl            curl              curl                  curl             curl          curl
test    pc:cmocka           libcmocka-dev     libcmocka-devel       libcmocka-devel  cmocka        cmocka-dev
test    py:pytest           python3-pytest    python3-pytest        python3-pytest   python-pytest py3-pytest
test    py:jsonschema       python3-jsonschema python3-jsonschema   python3-jsonschema python-jsonschema py3-jsonschema
test    cmd:perl            perl              perl                  perl             perl          perl
test    cmd:sqlite3         sqlite3           sqlite                sqlite3          sqlite        sqlite
test    cmd:xz              xz-utils          xz                    xz               xz            xz
test    cmd:zstd            zstd              zstd                  zstd             zstd          zstd
test    cmd:lz4             lz4               lz4                   lz4              lz4           lz4
test    cmd:gzip            gzip              gzip                  gzip             gzip          gzip
test    cmd:wrk             wrk               wrk                   wrk              wrk           wrk
test    cmd:redis-server    redis-server      redis                 redis            redis         redis
test    pc:hiredis          libhiredis-dev    hiredis-devel         hiredis-devel    hiredis       hiredis-dev
test    pc:sqlite3          libsqlite3-dev    sqlite-devel          sqlite3-devel    sqlite        sqlite-dev
test    lib:libjemalloc.so.2 libjemalloc2     jemalloc              libjemalloc2     jemalloc      jemalloc
fuzz    cmd:clang           clang             clang                 clang            clang         clang
fuzz    cmd:clang              libclang-rt-dev   compiler-rt           clang            compiler-rt   compiler-rt
bench   cmd:hyperfine       hyperfine         hyperfine             hyperfine        hyperfine     hyperfine
bench   cmd:rg              ripgrep           ripgrep               ripgrep          ripgrep       ripgrep
TABLE
}

# packages COLUMN GROUP...: the names in one column of the table
packages() {
    local column=$1
    shift
    package_table | awk -v column="$column" -v groups=" $* " \
        'index(groups, " " $1 " ") && !seen[$column]++ { print $column }'
}

# satisfied PROBE: whether a need is met, on a system without dpkg
satisfied() {
    local name=${1#*:}
    case $1 in
    cmd:*) command -v "$name" >/dev/null ;;
    pc:*) pkg-config --exists "$name" 2>/dev/null ;;
    py:*) "$python" -c "import $name" 2>/dev/null ;;
    lib:*) [ -n "$(find /usr/lib /usr/lib64 -maxdepth 2 -name "$name" -print -quit 2>/dev/null)" ] ;;
    esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        echo "$0: these packages are missing and can only be installed as root: ${missing[*]}" >&2
        exit 2
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null
}

# A fresh machine has no package lists, an old one has stale ones: both are cured by one update.
require_with_apt() {
    local missing
    mapfile -t missing < <(packages 3 "$@" | while read -r package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            echo "$package"
    done)
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "installing: ${missing[*]}" >&2
    if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || ! apt_install "${missing[@]}" >&2; then
        as_root apt-get update </dev/null >&2
        apt_install "${missing[@]}" >&2
    fi
}

# Programs of other machines can be built and run with these. They are wanted, not needed: nothing is removed for
# their sake, and who calls this goes on without them. gcc-multilib, without a release in its name, is not among them:
# it conflicts with cross compilers.
require_foreign_programs() {
    local release package missing
    if [ "$(uname -m)" != x86_64 ] || ! command -v apt-get >/dev/null; then
        return 0
    fi
    release=$(gcc -dumpversion)
    for package in "gcc-${release%%.*}-aarch64-linux-gnu" qemu-user-static "gcc-${release%%.*}-multilib"; do
        missing=("$package")
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            apt_install --no-remove "$package" >&2 || true
    done
}

# What the build goes without where it can't be had: Vectorscan, of which releases and machines exist that have
# Hyperscan instead, or neither.
require_wanted() {
    local package missing=(libvectorscan-dev)
    if pkg-config --exists libhs 2>/dev/null || ! command -v apt-get >/dev/null; then
        return 0
    fi
    for package in $(packages 3 wanted) libhyperscan-dev; do
        ! apt_install --no-remove "$package" >&2 || return 0
    done
    echo "$0: going on without Vectorscan" >&2
}

# No other package manager is driven; its user is told what to ask it for.
require_by_hand() {
    local manager=$1 column=$2 group probe needed=0
    shift 2
    while read -r group probe _; do
        [[ " $* " == *" $group "* ]] || continue
        satisfied "$probe" || needed=1
    done < <(package_table)
    [ $needed -eq 1 ] || return 0
    echo "$0: something is missing; install these packages with $manager, then run this again:" >&2
    packages "$column" "$@" | paste -sd ' ' | sed 's/^/    /' >&2
    exit 2
}

# require GROUP...: see to it that the packages of these groups are there
require() {
    if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
        require_with_apt "$@"
    elif command -v dnf >/dev/null; then
        require_by_hand dnf 4 "$@"
    elif command -v zypper >/dev/null; then
        require_by_hand zypper 5 "$@"
    elif command -v pacman >/dev/null; then
        require_by_hand pacman 6 "$@"
    elif command -v apk >/dev/null; then
        require_by_hand apk 7 "$@"
    else
        require_by_hand "your package manager" 3 "$@"
    fi
}

# build DIR [MESON OPTION...]: configure when the options are new, then bring up to date
build() {
    local dir=$root/$1 configured
    shift
    configured=$dir/meson-private/configured-by-scripts
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$root" "$@" || return
        echo "$*" >"$configured"
    elif [ $# -gt 0 ] && [ "$*" != "$(cat "$configured" 2>/dev/null)" ]; then
        meson configure "$dir" "${@/#--werror/-Dwerror=true}" || return
        echo "$*" >"$configured"
    fi
    ninja -C "$dir"
}
