"""https by ACME from nothing to renewal: certbot on a booted web node, and an authority that asks that node."""

from __future__ import annotations

import http.client
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.support.acme import AcmeAuthority
from tests.support.fleet_operator import FleetOperator
from tests.support.operator import Run
from tests.support.suites import spec
from tests.support.waiting import until

NODE, NAME = "web3", "web3.lan"
CHALLENGE = "/.well-known/acme-challenge"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/wheelfleet"


@dataclass
class Host:
    """A web node that has just been booted, and who provisions it."""

    lab: Lab
    operator: FleetOperator
    directory: str

    def provision(self, *arguments: str, **variables: object) -> Run:
        """Run provision.yml with these variables and no others."""
        self.operator.variables = dict(variables)
        return self.operator.play("playbooks/provision.yml", "--limit", NODE, *arguments)

    def provision_with_acme(self, *arguments: str) -> Run:
        return self.provision(
            *arguments, webnode_acme=True, webnode_acme_directory=self.directory, webnode_server_name=NAME
        )

    def ask(self, path: str, *, https: bool = False) -> tuple[int, bytes]:
        """The status of the answer to a request, and its body or where it leads."""

        def request() -> tuple[int, bytes]:
            # Whom to trust is no question here.
            context = ssl._create_unverified_context()
            connection: http.client.HTTPConnection = http.client.HTTPConnection(self.lab.address(NODE), timeout=20)
            if https:
                connection = http.client.HTTPSConnection(self.lab.address(NODE), timeout=20, context=context)
            connection.request("GET", path, headers={"Host": NAME})
            response = connection.getresponse()
            body = response.read()
            connection.close()
            return response.status, (response.headers["Location"] or "").encode() or body

        return self.lab.call(request)

    def certificate(self) -> str:
        """What openssl says of the certificate that is shown: serial number, issuer, names."""
        pem = self.lab.call(ssl.get_server_certificate, (self.lab.address(NODE), 443))
        command = ["openssl", "x509", "-noout", "-serial", "-issuer", "-ext", "subjectAltName"]
        return subprocess.run(command, input=pem, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def host(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("acme")
    lab.up(spec(NODE))
    operator = FleetOperator(folder / "operator", webnodes=[NODE], lab=lab)
    with AcmeAuthority(lab, folder) as authority:
        trust = "sudo tee /usr/local/share/ca-certificates/test.crt >/dev/null && sudo update-ca-certificates"
        lab.ssh(NODE, trust, input=authority.own_authority.read_text())
        yield Host(lab, operator, authority.directory)
    operator.close()


@pytest.fixture(scope="module")
def waiting(host: Host) -> Run:
    """Provisioned for a certificate that something else will put there."""
    return host.provision(
        webnode_tls_remote=True,
        webnode_tls_certificate="/etc/ssl/wheels/fullchain.pem",
        webnode_tls_key="/etc/ssl/wheels/privkey.pem",
        webnode_server_name=NAME,
    )


@pytest.fixture(scope="module")
def checked(host: Host, waiting: Run) -> Run:
    """What a run with webnode_acme would do."""
    return host.provision_with_acme("--check", "--diff")


@pytest.fixture(scope="module")
def secured(host: Host, checked: Run) -> Run:
    """Provisioned with webnode_acme, for the first time."""
    return host.provision_with_acme()


def test_a_site_without_certificate_is_served_by_http_with_its_challenges(host: Host, waiting: Run):
    assert waiting.lines("/etc/ssl/wheels/fullchain.pem is not there yet, so web3 serves by plain http")
    host.lab.ssh(NODE, f"echo answer | sudo tee /var/lib/wheelfleet-acme{CHALLENGE}/token")
    assert host.ask(f"{CHALLENGE}/token") == (200, b"answer\n")
    assert host.ask("/")[0] == 404
    assert host.lab.ssh(NODE, f"test -x {HOOK} && echo there") == "there\n"


def test_check_mode_says_what_it_would_ask_for(checked: Run):
    assert checked.recap[NODE]["changed"] > 0
    assert checked.lines(f'"names": \\["{NAME}"\\]')
    assert checked.recap[NODE]["failed"] == 0


def test_the_first_run_gets_the_certificate_and_serves_https_with_it(host: Host, secured: Run):
    said = host.certificate()
    assert "Pebble" in said and f"DNS:{NAME}" in said
    assert host.ask("/", https=True)[0] == 404  # nothing was published yet
    assert host.ask("/simple/?x=1") == (301, f"https://{NAME}/simple/?x=1".encode())
    assert host.lab.ssh(NODE, "sudo stat -Lc '%U %a' /etc/letsencrypt/live/wheelfleet/privkey.pem").split() == [
        "root",
        "600",
    ]


def test_challenges_are_answered_by_http_without_a_redirect_and_by_https(host: Host, secured: Run):
    host.lab.ssh(NODE, f"echo answer | sudo tee /var/lib/wheelfleet-acme{CHALLENGE}/token")
    assert host.ask(f"{CHALLENGE}/token") == host.ask(f"{CHALLENGE}/token", https=True) == (200, b"answer\n")
    assert host.ask(f"{CHALLENGE}/other")[0] == host.ask(f"{CHALLENGE}/other", https=True)[0] == 404


def test_a_renewed_certificate_is_loaded_and_the_next_run_changes_nothing(host: Host, secured: Run):
    assert host.lab.ssh(NODE, "systemctl is-enabled certbot.timer").strip() == "enabled"
    before = host.certificate()
    # As the timer does it, but now.
    host.lab.ssh(NODE, "sudo certbot --quiet renew --force-renewal --no-random-sleep-on-renew")
    # nginx answers its signal when its new processes are there.
    until(lambda: host.certificate() != before, "the renewed certificate is served", seconds=20)
    renewed = host.certificate()
    assert host.provision_with_acme().recap[NODE]["changed"] == 0
    assert host.certificate() == renewed


def test_without_it_certbot_renews_nothing_more(host: Host, secured: Run):
    plain = host.provision(webnode_server_name=NAME)
    assert plain.recap[NODE]["changed"] > 0
    assert host.ask("/")[0] == 404
    left = "sudo certbot certificates 2>&1; sudo ls /etc/letsencrypt/renewal-hooks/deploy"
    assert "wheelfleet" not in host.lab.ssh(NODE, left)
    assert host.provision(webnode_server_name=NAME).recap[NODE]["changed"] == 0


def test_a_retired_web_node_keeps_no_certificate_and_renews_none(host: Host, secured: Run, tmp_path: Path):
    host.provision_with_acme()
    playbook = tmp_path / "retire.yml"
    playbook.write_text(
        "- name: Retire web nodes\n  hosts: webnodes\n  gather_facts: false\n  tasks:\n"
        "    - name: Stop serving the site\n"
        "      ansible.builtin.import_role: {name: webnode, tasks_from: retire}\n"
    )
    host.operator.play(str(playbook))
    gone = f"/etc/letsencrypt/live/wheelfleet /var/lib/wheelfleet-acme {HOOK} /etc/nginx/wheelfleet"
    assert host.lab.ssh(NODE, f"sudo ls -d {gone} 2>/dev/null", check=False) == ""
