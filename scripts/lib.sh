# shellcheck shell=bash
# Shared by the scripts in this folder: which packages are needed, how they come, and the builds.
# To be sourced by bash with "set -euo pipefail".

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# The distribution's own interpreter: its pytest and jsonschema are packages, another one on PATH lacks them.
python=/usr/bin/python3

# One line per need: a group, how to see that it is there, the least version that does (-: any), and its package by the
# name that apt, dnf, zypper, pacman and apk give it. README.md and meson.build repeat versions; check-tree compares them.
package_table() {
    cat <<'TABLE'
build   cmd:gcc             10.2   gcc                gcc                   gcc                gcc            build-base
build   cmd:g++             10.2   g++                gcc-c++               gcc-c++            gcc            build-base
build   libc:               2.35   libc6-dev          glibc-devel           glibc-devel        glibc          musl-dev
build   cmd:meson           0.61   meson              meson                 meson              meson          meson
build   cmd:ninja           1.10   ninja-build        ninja-build           ninja              ninja          samurai
build   cmd:pkg-config      0.29   pkg-config         pkgconf-pkg-config    pkg-config         pkgconf        pkgconf
build   pc:libelf           0.183  libelf-dev         elfutils-libelf-devel libelf-devel       libelf         elfutils-dev
build   pc:libdw            0.183  libdw-dev          elfutils-devel        libdw-devel        elfutils       elfutils-dev
build   pc:libarchive       3.4.3  libarchive-dev     libarchive-devel      libarchive-devel   libarchive     libarchive-dev
build   pc:libpcre2-8       10.36  libpcre2-dev       pcre2-devel           pcre2-devel        pcre2          pcre2-dev
build   pc:inih             53     libinih-dev        inih-devel            libinih-devel      libinih        inih-dev
build   pc:smartcols        2.36   libsmartcols-dev   libsmartcols-devel    libsmartcols-devel util-linux-libs util-linux-dev
build   pc:jansson          2.13   libjansson-dev     jansson-devel         libjansson-devel   jansson        jansson-dev
build   pc:libedit          3.1    libedit-dev        libedit-devel         libedit-devel      libedit        libedit-dev
build   pc:sqlite3          3.34   libsqlite3-dev     sqlite-devel          sqlite3-devel      sqlite         sqlite-dev
wanted  pc:libhs            5.2    libvectorscan-dev  vectorscan-devel      vectorscan-devel   vectorscan     vectorscan-dev
serve   cmd:g++             10.2   g++                gcc-c++               gcc-c++            gcc            build-base
serve   cmd:gcore           -      gdb                gdb                   gdb                gdb            gdb
serve   cmd:curl            -      curl               curl                  curl               curl           curl
test    pc:cmocka           1.1.5  libcmocka-dev      libcmocka-devel       libcmocka-devel    cmocka         cmocka-dev
test    py:pytest           6.0    python3-pytest     python3-pytest        python3-pytest     python-pytest  py3-pytest
parallel py:xdist           3.1    python3-pytest-xdist python3-pytest-xdist python3-pytest-xdist python-pytest-xdist py3-pytest-xdist
test    py:jsonschema       3.2    python3-jsonschema python3-jsonschema    python3-jsonschema python-jsonschema py3-jsonschema
test    cmd:git             -      git                git                   git                git            git
test    cmd:cmark-gfm       -      cmark-gfm          cmark-gfm             cmark-gfm          cmark-gfm      cmark
test    cmd:perl            -      perl               perl                  perl               perl           perl
test    cmd:sqlite3         -      sqlite3            sqlite                sqlite3            sqlite         sqlite
test    cmd:xz              -      xz-utils           xz                    xz                 xz             xz
test    cmd:zstd            -      zstd               zstd                  zstd               zstd           zstd
test    cmd:lz4             -      lz4                lz4                   lz4                lz4            lz4
test    cmd:gzip            -      gzip               gzip                  gzip               gzip           gzip
test    cmd:wrk             -      wrk                wrk                   wrk                wrk            wrk
test    cmd:redis-server    -      redis-server       redis                 redis              redis          redis
test    pc:hiredis          -      libhiredis-dev     hiredis-devel         hiredis-devel      hiredis        hiredis-dev
test    pc:sqlite3          -      libsqlite3-dev     sqlite-devel          sqlite3-devel      sqlite         sqlite-dev
test    lib:libjemalloc.so.2 -      libjemalloc2       jemalloc              libjemalloc2       jemalloc       jemalloc
fuzz    cmd:clang           -      clang              clang                 clang              clang          clang
fuzz    cmd:clang           -      libclang-rt-dev    compiler-rt           clang              compiler-rt    compiler-rt
distributions cmd:debootstrap -  debootstrap        debootstrap           debootstrap        debootstrap    debootstrap
distributions cmd:unshare   -      util-linux         util-linux            util-linux         util-linux     util-linux
distributions cmd:git       -      git                git                   git                git            git
bench   cmd:rg              -      ripgrep            ripgrep               ripgrep            ripgrep        ripgrep
TABLE
}

# Compilers whose warnings are known: with these, at these major versions, the source builds without any. What a
# newer one adds must not stop anybody's build.
compiler_table() {
    cat <<'TABLE'
gcc     10 12 14 16
clang   14
TABLE
}

# known_compiler: whether the warnings of the one that meson would take are to be errors
known_compiler() {
    local macros name=gcc major
    macros=$(${CC:-cc} -dM -E -x c /dev/null 2>/dev/null) || return 1
    [[ $macros != *__clang_major__* ]] || name=clang
    major=$(awk -v gcc="__GNUC__" -v clang="__clang_major__" -v name=$name \
        '$2 == (name == "clang" ? clang : gcc) { print $3 }' <<<"$macros")
    compiler_table | awk -v name=$name -v major="$major" \
        '$1 == name { for (i = 2; i <= NF; i++) if ($i == major) known = 1 } END { exit !known }'
}

# werror: the option for build() that goes with the compiler, or nothing
werror() {
    if known_compiler; then
        echo --werror
    else
        echo "$0: this compiler is not among those that are known (compiler_table in scripts/lib.sh): warnings stay warnings" >&2
    fi
}

# packages COLUMN GROUP...: the names in one column of the table
packages() {
    local column=$1
    shift
    package_table | awk -v column="$column" -v groups=" $* " \
        'index(groups, " " $1 " ") && !seen[$column]++ { print $column }'
}

# installed_version PROBE: what is here, empty when it can't be told
installed_version() {
    local name=${1#*:}
    case $1 in
    cmd:gcc | cmd:g++) "$name" -dumpfullversion ;;
    cmd:*) "$name" --version | grep -oEm1 '[0-9]+(\.[0-9]+)+' | head -n 1 ;;
    pc:*) pkg-config --modversion "$name" ;;
    py:*) "$python" -c "import $name; print($name.__version__)" ;;
    libc:*) printf '#include <features.h>\n__GLIBC__.__GLIBC_MINOR__\n' | ${CC:-cc} -E -P -x c - | tr -d ' ' | tail -n 1 ;;
    esac 2>/dev/null || true
}

# at_least VERSION LEAST; Debian's epoch and revision don't count
at_least() {
    local version=${1#*:}
    version=${version%%-*}
    [ "$2" = - ] || [ "$(printf '%s\n' "$2" "$version" | sort -V | head -n 1)" = "$2" ]
}

# satisfied PROBE [LEAST]: whether a need is met
satisfied() {
    local name=${1#*:}
    case $1 in
    cmd:*) command -v "$name" >/dev/null ;;
    pc:*) pkg-config --exists "$name" 2>/dev/null ;;
    py:*) "$python" -c "import $name" 2>/dev/null ;;
    lib:*) [ -n "$(find /usr/lib /usr/lib64 -maxdepth 2 -name "$name" -print -quit 2>/dev/null)" ] ;;
    libc:*) echo '#include <features.h>' | ${CC:-cc} -E -x c - >/dev/null 2>&1 ;;
    esac || return 1
    [ "${2:--}" = - ] || at_least "$(installed_version "$1")" "$2"
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

# The same for packages that bring servers: tests start their own, and none starts by being installed.
apt_install_stopped() {
    # shellcheck disable=SC2016 # the other shell expands it
    as_root sh -c 'policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap "rm -f $policy" EXIT
            printf "#!/bin/sh\nexit 101\n" >$policy && chmod 755 $policy
        fi
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"' sh "$@" </dev/null
}

# The version of a package that apt would install, empty without one.
candidate() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# needs GROUP...: "PROBE LEAST PACKAGE" of what these groups lack, by apt's names. What is newer than its package, wherever
# it comes from, is as good as a package.
needs() {
    local group probe least package rest
    # shellcheck disable=SC2034 # the rest is for other package managers
    package_table | while read -r group probe least package rest; do
        [[ " $* " == *" $group "* ]] || continue
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ]; then
            [ "$least" != - ] || continue
            at_least "$(dpkg-query -W -f '${Version}' "$package")" "$least" && continue
        elif [ "$least" = - ]; then
            echo "$probe $least $package"
            continue
        fi
        satisfied "$probe" "$least" || echo "$probe $least $package"
    done | awk '!seen[$3]++'
}

# too_old GROUP...: "PACKAGE VERSION LEAST" of what apt can't bring in a version that does
too_old() {
    local probe least package version
    needs "$@" | while read -r probe least package; do
        version=$(candidate "$package")
        [ -z "$version" ] || at_least "$version" "$least" || {
            version=${version#*:}
            echo "$package ${version%%[-+]*} $least"
        }
    done
}

# Says what is too old, and where there is newer: in a suite that apt knows but does not prefer, or elsewhere.
refuse_too_old() {
    local package version least suite
    echo "$0: this system is too old, nothing was installed:" >&2
    while read -r package version least; do
        suite=$(LC_ALL=C apt-cache madison "$package" | while IFS='| ' read -r _ other _ where _; do
            ! at_least "$other" "$least" || { echo "${where%/*}"; break; }
        done)
        echo "    $package is $version here, $least or newer is needed${suite:+; apt-get install -t $suite $package}" >&2
    done
    echo "Debian 12, Ubuntu 22.04 and their successors have all of it. What is on PATH or known to pkg-config in a newer
version is used, wherever it comes from (meson: pip install meson)." >&2
    exit 2
}

has_lists() {
    compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null
}

# A fresh machine has no package lists, an old one has stale ones: both are cured by one update. Versions come first:
# nobody wants a hundred packages and then the news that one of them won't do.
require_with_apt() {
    local missing old
    mapfile -t missing < <(needs "$@" | cut -d ' ' -f 3)
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! has_lists; then
        as_root apt-get update </dev/null >&2
    fi
    old=$(too_old "$@")
    [ -z "$old" ] || refuse_too_old <<<"$old"
    echo "installing: ${missing[*]}" >&2
    if ! apt_install "${missing[@]}" >&2; then
        as_root apt-get update </dev/null >&2
        apt_install "${missing[@]}" >&2
    fi
}

# Programs of other machines can be built and run with these. They are wanted, not needed: nothing is removed for
# their sake, and who calls this goes on without them. gcc-multilib, without a release in its name, is not among them:
# it conflicts with cross compilers.
require_foreign_programs() {
    local release package missing=()
    if [ "$(uname -m)" != x86_64 ] || ! command -v apt-get >/dev/null; then
        return 0
    fi
    release=$(gcc -dumpversion)
    for package in "gcc-${release%%.*}-"{aarch64,powerpc64le,riscv64}-linux-gnu "g++-${release%%.*}-s390x-linux-gnu" \
        "gcc-${release%%.*}-arm-linux-gnueabihf" qemu-user-static "gcc-${release%%.*}-multilib"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    apt_install --no-remove "${missing[@]}" >&2 && return
    for package in "${missing[@]}"; do
        missing=("$package")
        apt_install --no-remove "$package" >&2 || true
    done
}

# Programs, runtimes and libraries whose memory the tests look at, and what packages are made and checked with. They are
# wanted, not needed: a test whose program is not there is skipped by name. One that a release does not have must not keep
# the others away, so that they are asked for one by one when all at once is refused.
require_programs() {
    local package missing=()
    command -v apt-get >/dev/null || return 0
    for package in php-cli ruby nodejs golang-go default-jdk-headless musl-tools libapr1-dev libboost-dev libglib2.0-dev \
        libxml2-dev libc++-dev libc++abi-dev libtcmalloc-minimal4 libmimalloc2.0 redis-tools memcached postgresql mariadb-server \
        nginx apache2 vim emacs-nox ripgrep bat tcl mawk git gdb python3-numpy python3-drgn dbus-daemon libglib2.0-bin xvfb openssh-client \
        dpkg-dev debhelper lintian mandoc groff man-db shellcheck zsh fish valgrind clickhouse-server clickhouse-client \
        python3-yaml sqlite3 phpliteadmin php-sqlite3 prometheus chromium; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    apt_install_stopped --no-remove "${missing[@]}" >&2 && return
    for package in "${missing[@]}"; do
        missing=("$package")
        apt_install_stopped --no-remove "$package" >&2 || true
    done
}

# What the build goes without where it can't be had: Vectorscan, of which releases and machines exist that have
# Hyperscan instead, or neither.
require_wanted() {
    local package missing=(libvectorscan-dev)
    if pkg-config --exists libhs 2>/dev/null || ! command -v apt-get >/dev/null; then
        return 0
    fi
    for package in $(packages 4 wanted) libhyperscan-dev; do
        ! apt_install --no-remove "$package" >&2 || return 0
    done
    echo "$0: going on without Vectorscan" >&2
}

# parallel: the options with which pytest runs on all processors, one a line; none where pytest-xdist is missing, can't be
# had or is too old, or there is one processor. A class, and the functions of a file, stay together: they share fixtures.
parallel() {
    local processors package least
    processors=$(nproc)
    read -r _ least package < <(package_table | awk '$1 == "parallel" { print $2, $3, $4 }')
    [ "$processors" -gt 1 ] || return 0
    if ! satisfied py:xdist "$least" && command -v apt-get >/dev/null; then
        apt_install --no-remove "$package" >&2 || true
    fi
    if satisfied py:xdist "$least"; then
        printf '%s\n' -n "$processors" --dist loadscope
    else
        echo "$0: without pytest-xdist $least end-to-end tests run one after the other" >&2
    fi
}

# No other package manager is driven; its user is told what to ask it for, and what is there but too old.
require_by_hand() {
    local manager=$1 column=$2 group probe least needed=0
    shift 2
    while read -r group probe least _; do
        [[ " $* " == *" $group "* ]] || continue
        ! satisfied "$probe" "$least" || continue
        needed=1
        ! satisfied "$probe" ||
            echo "$0: ${probe#*:} is $(installed_version "$probe") here, $least or newer is needed" >&2
    done < <(package_table)
    [ $needed -eq 1 ] || return 0
    echo "$0: something is missing or too old; install these packages with $manager, then run this again:" >&2
    packages "$column" "$@" | paste -sd ' ' | sed 's/^/    /' >&2
    exit 2
}

# require GROUP...: see to it that the packages of these groups are there
require() {
    if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
        require_with_apt "$@"
    elif command -v dnf >/dev/null; then
        require_by_hand dnf 5 "$@"
    elif command -v zypper >/dev/null; then
        require_by_hand zypper 6 "$@"
    elif command -v pacman >/dev/null; then
        require_by_hand pacman 7 "$@"
    elif command -v apk >/dev/null; then
        require_by_hand apk 8 "$@"
    else
        require_by_hand "your package manager" 4 "$@"
    fi
}

# free_mib FOLDER: what its file system has left, in MiB
free_mib() {
    df -P -m "$1" | awk 'NR == 2 { print $4 }'
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
