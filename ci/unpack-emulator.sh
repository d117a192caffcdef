# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# unpack-emulator.sh: what ci/unpack-bochs30 and ci/unpack-qemu10 have in common. Sourced, not run. Nothing is installed: the
# packages and all that they need, down to their C library, are fetched by an apt with a configuration of its own and
# unpacked into build/NAME/root/; tools/runner/ starts the emulator with its own loader and libraries.
#
#   unpack_emulator NAME SUITE[,SUITE…] PACKAGE…    packages come from the first suite that has them

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s: %s\n' "$NAME" "$*"; }
fail() { printf '%s: %s\n' "$NAME" "$*" >&2; exit 1; }

# Where this machine's own packages of Debian come from, as `deb` lines for other suites. Its security and updates suites
# lie elsewhere or carry nothing that is needed here.
sources() {
    local codename suite uri
    codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' |
        sed -n "s/^Packages|Debian|$codename|main|//p" | sort -u |
        while IFS= read -r uri; do
            for suite; do
                printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$uri" "$suite"
            done
        done
}

# With an empty record of what is installed apt takes all dependencies.
write_configuration() {
    local apt=$1
    shift
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,none}
    : >"$apt/status"
    sources "$@" >"$apt/sources.list"
    [ -s "$apt/sources.list" ] || fail "apt has not read the lists of this machine's Debian sources: run apt-get update"
    cat >"$apt/apt.conf" <<END
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Default-Release "$1";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/none";
Dir::Etc::preferences "$apt/none/preferences";
Dir::Etc::preferencesparts "$apt/none";
END
}

unpack_emulator() {
    NAME=$1
    local suites=${2//,/ } directory=$PWD/build/$1 new=$PWD/build/$1.new
    local apt=$new/apt log=$new/log package
    shift 2
    mkdir -p build
    [ ! -e "$directory/versions" ] || return 0
    rm -rf "$new"
    mkdir -p "$new/root"
    # shellcheck disable=SC2086
    write_configuration "$apt" $suites
    say "reading the package lists of Debian $suites"
    apt-get --config-file "$apt/apt.conf" --quiet update >>"$log" 2>&1 ||
        fail "no archive of Debian $suites could be read; what apt said is in ${log#"$PWD"/}"
    say "fetching $* and what they need (they are not installed)"
    apt-get --config-file "$apt/apt.conf" --quiet --yes --download-only -o Debug::NoLocking=1 install "$@" >>"$log" 2>&1 ||
        fail "the packages could not be fetched; what apt said is in ${log#"$PWD"/}"
    # /lib and /usr/lib are one directory.
    mkdir -p "$new"/root/usr/{lib,lib64,bin}
    ln -s usr/lib "$new/root/lib"
    ln -s usr/lib64 "$new/root/lib64"
    for package in "$apt"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$new/root"
        dpkg-deb --show "$package" >>"$new/versions"
    done
    rm -rf "$apt" "$directory"
    mv "$new" "$directory"
}
