"""What an operator does about a host that Ansible cannot work on, told by the words of ssh, sudo and Ansible."""

from __future__ import annotations

import re

#: Words of an error, and the cure. The first that fits counts.
_CURES = (
    (
        # Images of Raspberry Pi OS since April 2026 ask for one; older ones do not.
        r"Missing sudo password|sudo: a password is required|Timed? ?out .{0,40}become",
        "sudo asks for a password there: add --ask-become-pass to the command, or set ansible_become_password, "
        "encrypted by ansible-vault; see docs/how-to/connections.md.",
    ),
    (
        r"Incorrect sudo password|sudo password is wrong",
        "sudo does not take that password: correct ansible_become_password, or what you type at --ask-become-pass.",
    ),
    (
        r"Permission denied \((?:[\w-]+,)*(?:publickey|password)",
        "ssh lets nobody in there with the keys of this account: ssh-copy-id USER@HOST, or correct ansible_user.",
    ),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed",
        "ssh does not know that host's key: ssh to it once and compare the key; of a host that was set up again, "
        "ssh-keygen -R HOST removes the old one.",
    ),
    (
        r"Could not resolve hostname",
        "that name is not known here: correct it in the inventory, or set ansible_host to the host's address.",
    ),
    (
        r"Connection refused|No route to host|Connection timed out",
        "nobody answers there: see that the host is on, in the network, and that its ssh is enabled.",
    ),
    (
        r"python3?[\w./]*: (?:not found|No such file)|No python interpreters found",
        "that host has no Python that Ansible finds: apt-get install python3 there, or set ansible_python_interpreter.",
    ),
)


def cure_of(error: str) -> str:
    """What to do about an error of a connection, as a clause; empty if none is known."""
    return next((cure for words, cure in _CURES if re.search(words, error)), "")
