"""The packages of libraries that each installation of a release has, since Python, apt or dpkg need them.

Made by `python -m tests.support.debian_tables`; do not edit.
"""

_BY_RELEASE = {
    "debian 12": """
libacl1 libapt-pkg6.0 libattr1 libaudit1 libblkid1 libbz2-1.0 libc6 libcap-ng0 libcap2 libcom-err2 libcrypt1 libdb5.3
libdebconfclient0 libexpat1 libffi8 libgcc-s1 libgcrypt20 libgdbm-compat4 libgdbm6 libgmp10 libgnutls30 libgpg-error0
libgssapi-krb5-2 libhogweed6 libidn2-0 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 liblz4-1 liblzma5 libmd0
libmount1 libncursesw6 libnettle8 libnsl2 libp11-kit0 libpam-modules libpam-runtime libpam0g libpcre2-8-0 libreadline8
libseccomp2 libselinux1 libsemanage2 libsepol2 libsmartcols1 libsqlite3-0 libssl3 libstdc++6 libsystemd0 libtasn1-6
libtinfo6 libtirpc3 libudev1 libunistring2 libuuid1 libxxhash0 libzstd1 zlib1g
""",
    "debian 13": """
libacl1 libapt-pkg7.0 libattr1 libaudit1 libblkid1 libbz2-1.0 libc6 libcap-ng0 libcap2 libcrypt1 libdb5.3t64
libdebconfclient0 libexpat1 libffi8 libgcc-s1 libgmp10 libhogweed6t64 liblastlog2-2 liblz4-1 liblzma5 libmd0 libmount1
libncursesw6 libnettle8t64 libpam-modules libpam-runtime libpam0g libpcre2-8-0 libreadline8t64 libseccomp2 libselinux1
libsmartcols1 libsqlite3-0 libssl3t64 libstdc++6 libsystemd0 libtinfo6 libudev1 libuuid1 libxxhash0 libzstd1 zlib1g
""",
}

#: By ID and VERSION_ID of os-release (`debian 12`).
PREINSTALLED = {release: frozenset(names.split()) for release, names in _BY_RELEASE.items()}
