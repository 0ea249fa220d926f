"""Where clients are sent: the address of a web node follows from its variables."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml

from tests.support.operator import ANSIBLE_PLAYBOOK, REPOSITORY, Operator

TLS = {"webnode_tls_certificate": "/etc/ssl/node.pem"}
ADDRESSES = {
    "web1": ({}, "http://web1/simple/"),
    "web2": ({"ansible_host": "10.0.0.5", "webnode_port": 8080}, "http://10.0.0.5:8080/simple/"),
    "web3": ({"ansible_host": "10.0.0.5", **TLS}, "https://10.0.0.5/simple/"),
    "web4": ({"webnode_server_name": "wheels.example.com", **TLS}, "https://wheels.example.com/simple/"),
    "web5": ({"webnode_tls_port": 8443, "webnode_port": 8080, **TLS}, "https://web5:8443/simple/"),
    "web6": ({"site_url": "https://wheels.example.com/pi/"}, "https://wheels.example.com/pi/simple/"),
}


def test_the_index_is_where_variables_of_the_web_node_say(tmp_path: Path):
    inventory = {"webnodes": {"hosts": {host: variables for host, (variables, _) in ADDRESSES.items()}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
    play = {
        "name": "Write the addresses down",
        "hosts": "webnodes",
        "gather_facts": False,
        "tasks": [
            {"name": "Work them out", "ansible.builtin.import_role": {"name": "webnode", "tasks_from": "address"}},
            {
                "name": "Write them down",
                "ansible.builtin.copy": {
                    "dest": str(tmp_path / "addresses.json"),
                    "content": "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars)"
                    " | map(attribute='webnode_index_url'))) | to_json }}",
                    "mode": "0644",
                },
                "delegate_to": "localhost",
                "run_once": True,
            },
        ],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    subprocess.run(
        [str(ANSIBLE_PLAYBOOK), "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")],
        cwd=REPOSITORY,
        env=Operator(tmp_path).environment,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    said = json.loads((tmp_path / "addresses.json").read_text())
    assert said == {host: address for host, (_, address) in ADDRESSES.items()}
