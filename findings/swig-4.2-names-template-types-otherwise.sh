#!/usr/bin/env bash
# SWIG 4.2 leaves default arguments of templates out of the names of its type descriptors; SWIG 4.1 writes them.
#
# A good engineer would guess that SWIGTYPE_p_… names keep from one minor version to the next, because typemaps and code
# in %{ %} blocks have to write them out. But a std::vector<unsigned char> has another name since 4.2, so a project whose
# interface was written with SWIG 4.1 or older does not compile with a distribution's newer one: the C++ compiler says
# that the name was not declared. Debian 12 has SWIG 4.1, Debian 13 has 4.3.
#
# Output seen (2026-12-01, x86-64, swig from the index):
#   4.1.1: SWIGTYPE_p_std__vectorT_unsigned_char_std__allocatorT_unsigned_char_t_t
#   4.2.1: SWIGTYPE_p_std__vectorT_unsigned_char_t
#
# Exit status: 0 as seen, 1 if the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > bytes.i <<'INTERFACE'
%module bytes
%include "std_vector.i"
%template(Bytes) std::vector<unsigned char>;
%inline %{ void fill(std::vector<unsigned char> *bytes) { bytes->push_back(1); } %}
INTERFACE
named() {
    python3 -m venv "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check "swig==$1"
    "$1/bin/swig" -python -c++ -o "$1.cpp" bytes.i
    grep -oE 'SWIGTYPE_p_std__vectorT_unsigned_char\w*' "$1.cpp" | sort -u | head -n 1
}
old=$(named 4.1.1) new=$(named 4.2.1)
echo "4.1.1: $old"
echo "4.2.1: $new"
[ "$old" = SWIGTYPE_p_std__vectorT_unsigned_char_std__allocatorT_unsigned_char_t_t ] &&
    [ "$new" = SWIGTYPE_p_std__vectorT_unsigned_char_t ]
