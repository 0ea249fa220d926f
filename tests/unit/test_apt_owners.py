"""Of the packages that have a file of the right name, the one that is meant comes first. Lines are Debian 12's own."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from wheelfleet.apt_packages import LONGEST_SUBJECT, Subject, can_be_looked_up
from wheelfleet.builder import apt_file_lookup
from wheelfleet.builder.apt_contents import ContentsError, has_apt, matching_lines, refresh
from wheelfleet.builder.apt_file_lookup import find_providers

pytestmark = pytest.mark.skipif(not has_apt(), reason="needs apt, which reads the lists; it is on Debian")

CONTENTS = """\
etc/init.d/docker                                       admin/docker.io
usr/aarch64-linux-gnu/include/linux/fuse.h              devel/linux-libc-dev-arm64-cross
usr/bin/aclocal-1.11                                    devel/automake1.11
usr/bin/aclocal-1.16                                    devel/automake
usr/bin/cargo                                           rust/cargo,devel/cargo-web
usr/bin/mysql_config                                    libdevel/libmariadb-dev-compat
usr/bin/pg_config                                       libdevel/libpq-dev
usr/bin/pkg-config                                      devel/pkgconf
usr/bin/pg_config                                       database/postgresql-common
usr/i686-w64-mingw32/include/zlib.h                     libdevel/libz-mingw-w64-dev
usr/include/event.h                                     libdevel/libevent-dev
usr/include/event.h                                     libdevel/libev-libevent-dev
usr/include/event2/event.h                              libdevel/libevent-dev
usr/include/flann/io/hdf5.h                             libdevel/libflann-dev
usr/include/hdf5/mpich/hdf5.h                           libdevel/libhdf5-mpich-dev
usr/include/hdf5/serial/hdf5.h                          libdevel/libhdf5-dev
usr/include/jpeglib.h                                   libdevel/libjpeg62-turbo-dev
usr/include/lam/mpi.h                                   devel/lam4-dev
usr/include/libusb-1.0/libusb.h                         libdevel/libusb-1.0-0-dev
usr/include/lua5.3/lua.h                                libdevel/liblua5.3-dev
usr/include/lua5.4/lua.h                                libdevel/liblua5.4-dev
usr/include/osmocom/usb/libusb.h                        libdevel/libosmocore-dev
usr/include/Poco/zlib.h                                 libdevel/libpoco-dev
usr/include/postgresql/15/server/postgres.h             libdevel/postgresql-server-dev-15
usr/include/postgresql/libpq-fe.h                       libdevel/libpq-dev
usr/include/boost/version.hpp                           libdevel/libboost1.74-dev,libdevel/libboost1.81-dev
usr/include/x86_64-linux-gnu/curl/curl.h                libdevel/libcurl4-gnutls-dev,libdevel/libcurl4-nss-dev,libdevel/libcurl4-openssl-dev
usr/include/x86_64-linux-gnu/mpich/mpi.h                libdevel/libmpich-dev
usr/include/yaml-cpp/yaml.h                             libdevel/libyaml-cpp-dev
usr/include/yaml.h                                      libdevel/libyaml-dev
usr/include/zlib.h                                      libdevel/zlib1g-dev
usr/lib/systemd/system/docker.service                   admin/docker.io
usr/lib/llvm-14/bin/clang                               devel/clang-14
usr/lib/x86_64-linux-gnu/genwqe/libz.so                 libdevel/libzadc-dev
usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so libdevel/libopenblas-pthread-dev
usr/lib/x86_64-linux-gnu/libyaml.so                     libdevel/libyaml-dev
usr/lib/x86_64-linux-gnu/libz.so                        libdevel/zlib1g-dev
usr/lib/x86_64-linux-gnu/openmpi/include/mpi.h          libdevel/libopenmpi-dev
usr/lib/x86_64-linux-gnu/pkgconfig/freetype2.pc         libdevel/libfreetype-dev
usr/lib/x86_64-linux-gnu/pkgconfig/icu-uc.pc            libdevel/libicu-dev
usr/lib/x86_64-linux-gnu/pkgconfig/openssl.pc           libdevel/libssl-dev
usr/lib/x86_64-linux-gnu/pkgconfig/yaml-0.1.pc          libdevel/libyaml-dev
usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc              libdevel/zlib1g-dev
usr/share/cmake/wayland.xml                             libdevel/other-dev
usr/share/wayland/wayland.xml                           libdevel/libwayland-dev
usr/share/doc/yaml.h                                    doc/libyaml-doc
"""  # noqa: E501

#: What depends on these packages, as `apt-cache rdepends` says.
NEEDED_BY = {
    "libboost1.74-dev": ["libboost-dev", "libcgal-dev"],
    "libjpeg62-turbo-dev": ["libjpeg-dev", "libtiff-dev"],
    "libopenblas-pthread-dev": ["libopenblas-dev"],
    "libopenmpi-dev": ["mpi-default-dev"],
    "libyaml-dev": ["ruby-full"],
}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lists as apt keeps them, and no other question to this machine's apt."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "mirror_dists_bookworm_main_Contents-amd64.gz").write_bytes(gzip.compress(CONTENTS.encode()))

    def needed_by(names: Sequence[str]) -> Mapping[str, list[str]]:
        return {name: NEEDED_BY.get(name, []) for name in names}

    monkeypatch.setattr(apt_file_lookup, "_reverse_depends", needed_by)
    monkeypatch.setattr(apt_file_lookup, "_transitional", lambda _: set())
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "name", "package"),
    [
        pytest.param("header", "yaml.h", "libyaml-dev", id="where compilers look by themselves before deeper ones"),
        pytest.param("header", "zlib.h", "zlib1g-dev", id="not another machine's"),
        pytest.param("header", "event.h", "libevent-dev", id="the shortest name of equals"),
        pytest.param("header", "libusb.h", "libusb-1.0-0-dev", id="less deep, below a folder of its own"),
        pytest.param("header", "hdf5.h", "libhdf5-dev", id="whose name says so before who is less deep"),
        pytest.param("header", "SDL/event.h", "libevent-dev", id="in another's folder, which the build names, too"),
        pytest.param("header", "usr/share/wayland/wayland.xml", "libwayland-dev", id="a file by its whole path"),
        pytest.param("header", "lua.h", "liblua5.4-dev", id="the newest of several versions"),
        pytest.param("header", "postgres.h", "postgresql-server-dev-15", id="a server's headers"),
        pytest.param("header", "libpq-fe.h", "libpq-dev", id="a client's headers"),
        pytest.param("header", "curl/curl.h", "libcurl4-openssl-dev", id="the variant Python packages are made for"),
        pytest.param("header", "boost/version.hpp", "libboost-dev", id="the lasting name of the default version"),
        pytest.param("header", "jpeglib.h", "libjpeg-dev", id="the lasting name of the default variant"),
        pytest.param("header", "mpi.h", "libopenmpi-dev", id="the one the distribution calls default"),
        pytest.param("library", "yaml", "libyaml-dev", id="a library as it is linked"),
        pytest.param("library", "z", "zlib1g-dev", id="a library where the linker looks"),
        pytest.param("library", "ZLIB", "zlib1g-dev", id="as CMake calls it, by its module"),
        pytest.param("library", "OpenSSL", "libssl-dev", id="as CMake calls it, in lower case"),
        pytest.param("library", "Boost", "libboost-dev", id="as CMake calls it, by another name"),
        pytest.param("pkg-config", "yaml-0.1", "libyaml-dev", id="a module of pkg-config"),
        pytest.param("tool", "pg_config", "libpq-dev", id="a program"),
        pytest.param("library", "mysql_config", "libmariadb-dev-compat", id="a config program named as a library"),
        pytest.param(
            "tool", "freetype-config", "libfreetype-dev", id="a config program that was dropped, by its module"
        ),
        pytest.param("tool", "icu-config", "libicu-dev", id="such a program whose module has another name"),
        pytest.param("tool", "rust", "cargo-web", id="a language, by its newest package"),
        pytest.param("library", "PkgConfig", "pkgconf", id="a program, as CMake calls its package"),
        pytest.param("library", "cblas", "libopenblas-dev", id="an interface that several have"),
        pytest.param("tool", "aclocal", "automake", id="a program whose plain name is an alternative's"),
        pytest.param("tool", "clang", "clang-14", id="a program outside the path, where there is no other"),
    ],
)
def test_the_package_that_is_meant_comes_first(index: Path, kind: str, name: str, package: str) -> None:
    subject = Subject(kind, name)
    assert find_providers(index, [subject])[subject][0] == package


def test_what_nobody_has_is_answered_too(index: Path) -> None:
    asked = [Subject("header", "of_its_own.h"), Subject("header", "yaml.h")]
    assert find_providers(index, asked) == {asked[0]: [], asked[1]: ["libyaml-dev", "libyaml-cpp-dev"]}


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a b.h", "x" * (LONGEST_SUBJECT + 1), "-rf", "new\nline.h", "", "*.h", "$(id).h"]
)
def test_names_that_no_file_has_are_not_asked_for(index: Path, name: str) -> None:
    assert not can_be_looked_up(Subject("header", name))
    assert find_providers(index, [Subject("header", name)]) == {}


def test_a_python_module_is_not_asked_for() -> None:
    assert not can_be_looked_up(Subject("module", "numpy"))


def test_all_needles_are_found_in_one_reading_with_every_owner(index: Path) -> None:
    assert list(matching_lines(index, ["/zlib.pc", "usr/bin/cargo"])) == [
        ("usr/bin/cargo", ["cargo", "cargo-web"]),
        ("usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc", ["zlib1g-dev"]),
    ]


def test_lists_of_the_last_days_are_not_fetched_again(index: Path) -> None:
    (index / "fetched").touch()
    assert refresh(index) is False


def test_when_no_list_can_be_had_the_error_says_what_apt_said_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last error is the same whatever happened."""
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\necho 'W: Something else.'\n"
        "echo 'E: Failed to fetch main/Contents-amd64.gz  File has unexpected size. Mirror sync in progress?'\n"
        "echo 'E: Some index files failed to download. They have been ignored, or old ones used instead.'\nexit 100\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    with pytest.raises(ContentsError) as raised:
        refresh(tmp_path / "index")
    assert "Mirror sync in progress?" in str(raised.value)
    assert "Some index files" not in str(raised.value)
    assert "the next run asks again" in str(raised.value)
    assert "by hand" not in str(raised.value)


def test_old_lists_are_used_when_newer_ones_cannot_be_had(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (index / "fetched").touch()
    os.utime(index / "fetched", (0, time.time() - 30 * 86400))
    program = index / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 100\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    assert refresh(index) is True
    assert find_providers(index, [Subject("library", "yaml")]) == {Subject("library", "yaml"): ["libyaml-dev"]}
