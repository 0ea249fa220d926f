#!/usr/bin/env bash
# On 32-bit ARM, Debian 12's and Debian 13's libcrypto.so.3 have one name and another ABI: time_t has 32 and 64 bits.
#
# A good engineer would guess that a library keeps its ABI as long as it keeps its file name (SONAME) and its symbol
# versions, because that is what both are for, and that the loader complains otherwise. Debian 13 gave time_t 64 bits and
# renamed the packages only (libssl3 became libssl3t64), because other distributions know the file by its old name. So a
# wheel that was built on Debian 12 for armhf and leaves OpenSSL to the system, as a manylinux_2_36_armv7l tag lets it be
# installed on Debian 13, loads there without a word, and passes times of half the width that X509_cmp_time reads.
#
# The two libraries are fetched as packages from the mirror of this host's apt, and nothing is installed.
#
# Output seen (2026-11-30, libssl3 3.0.20-1~deb12u2 and libssl3t64 3.5.9-1~deb13u1 of armhf):
#   libssl3: soname libcrypto.so.3, defines X509_cmp_time@@OPENSSL_3.0.0, asks libc for time
#   libssl3t64: soname libcrypto.so.3, defines X509_cmp_time@@OPENSSL_3.0.0, asks libc for __time64
#
# Exit status: 0 as seen, 1 if the behaviour has changed, 2 on a host without Debian's apt, dpkg-deb and readelf.
set -euo pipefail
for tool in apt-get dpkg-deb readelf; do command -v "$tool" >/dev/null || { echo "It needs $tool." >&2; exit 2; }; done
mirror=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' | awk '$1 == "Debian" { print $2; exit }')
[ -n "$mirror" ] || { echo "This host's apt names no mirror of Debian." >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .

# The library of one release: its name, how it defines a function that takes a time, and how it asks for the time.
described() {
    local suite=$1 package=$2 library
    mkdir -p "$suite"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d}
    touch "$suite/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$suite/etc/sources.list"
    cat >"$suite/apt.conf" <<CONFIG
Dir::State "$PWD/$suite"; Dir::State::status "$PWD/$suite/status"; Dir::State::lists "$PWD/$suite/lists";
Dir::Cache "$PWD/$suite/cache"; Dir::Etc "$PWD/$suite/etc"; Dir::Etc::sourceparts "-";
APT::Architecture "armhf"; APT::Architectures { "armhf"; }; Acquire::Languages "none"; APT::Sandbox::User "root";
CONFIG
    APT_CONFIG=$PWD/$suite/apt.conf apt-get -qq update
    (cd "$suite" && APT_CONFIG=$PWD/apt.conf apt-get -qq download "$package")
    dpkg-deb --extract "$suite/$package"_*.deb "$suite/root"
    library=$(find "$suite/root" -name libcrypto.so.3)
    printf '%s: soname %s, defines %s, asks libc for %s\n' "$package" \
        "$(readelf -Wd "$library" | sed -n 's/.*soname: \[\(.*\)\].*/\1/p')" \
        "$(readelf -W --dyn-syms "$library" | awk '$8 ~ /^X509_cmp_time@@/ { print $8 }')" \
        "$(readelf -W --dyn-syms "$library" | awk '$7 == "UND" && $8 ~ /^(time|__time64)@/ { sub("@.*", "", $8); print $8 }')"
}

described bookworm libssl3 | tee old
described trixie libssl3t64 | tee new
grep -qx 'libssl3: soname libcrypto.so.3, defines X509_cmp_time@@OPENSSL_3.0.0, asks libc for time' old
grep -qx 'libssl3t64: soname libcrypto.so.3, defines X509_cmp_time@@OPENSSL_3.0.0, asks libc for __time64' new
