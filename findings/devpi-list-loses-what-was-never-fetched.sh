#!/usr/bin/env bash
# The list of a devpi mirror loses each project that was never fetched, once the mirrored index says "not modified".
#
# A good engineer would guess that 304 (not modified) means: the list of projects is still the one that devpi has. When
# devpi-server 6.20.3 asks for the list again, after mirror_cache_expiry, and gets 304, its own list has only what it
# fetched pages of, until the mirrored list changes. The pages of the others are there all the same. A program that goes
# by the list takes them for deleted: half an hour after the start (the default expiry) of a mirror of any small index
# that sends ETags. PyPI's list changes all the time, which hides it.
#
# Output seen (2026-11-30, Python 3.11):
#   without ETags: fetched ham; later the list has ham spam, and the page of spam is 200
#   with ETags: fetched ham; later the list has ham, and the page of spam is 200
#
# Exit status: 0 as seen, 1 if the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || :; wait; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check 'devpi-server==6.20.3' 2>/dev/null
# An index of two projects; what it sends below /etags/ has an ETag.
cat > index.py <<'INDEX'
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Index(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.split("/")[3]
        links = f'<a href="{name}-1.0.tar.gz">{name}-1.0.tar.gz</a>' if name else '<a href="ham/">ham</a> <a href="spam/">spam</a>'
        tagged = self.path.startswith("/etags/")
        if tagged and self.headers.get("If-None-Match") == '"1"':
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        if tagged:
            self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(f"<!DOCTYPE html><title>Simple index</title>{links}".encode())
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
print(server.server_address[1], flush=True)
server.serve_forever()
INDEX
python3 index.py > port &
servers+=($!)
until [ -s port ]; do sleep 0.1; done
index=http://127.0.0.1:$(cat port)
devpi=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
env/bin/devpi-init --serverdir data --no-root-pypi >/dev/null 2>&1
env/bin/devpi-server --serverdir data --host 127.0.0.1 --port "$devpi" >/dev/null 2>&1 &
servers+=($!)
# Makes a mirror of the index at this path, fetches one of its two projects, and looks again when all has expired.
look() {
    python3 - "http://127.0.0.1:$devpi" "$index/$1/simple/" "$1" <<'LOOK'
import base64, json, sys, time, urllib.error, urllib.request
devpi, index, name = sys.argv[1:]
def request(method, path, data=None, **headers):
    body = None if data is None else json.dumps(data).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/vnd.pypi.simple.v1+json", **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(devpi + path, body, headers, method=method), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
user = "root"
def projects():
    return " ".join(sorted(row["name"] for row in json.loads(request("GET", f"/{user}/{name}/+simple/")[1])["projects"]))
for _ in range(600):
    try:
        login = json.loads(request("POST", "/+login", {"user": user, "password": ""}, Accept="application/json")[1])
        break
    except OSError:
        time.sleep(0.2)
token = base64.b64encode(f"{user}:{login['result']['password']}".encode()).decode()
options = {"type": "mirror", "mirror_url": index, "mirror_cache_expiry": 1}
made = request("PUT", f"/{user}/{name}", options, **{"X-Devpi-Auth": token, "Accept": "application/json"})
assert made[0] == 200, made
assert projects() == "ham spam"
assert request("GET", f"/{user}/{name}/+simple/ham/")[0] == 200
time.sleep(2)
print(f"later the list has {projects()}, and the page of spam is {request('GET', f'/{user}/{name}/+simple/spam/')[0]}")
LOOK
}
plain=$(look plain)
etags=$(look etags)
echo "without ETags: fetched ham; $plain"
echo "with ETags: fetched ham; $etags"
[ "$plain" = "later the list has ham spam, and the page of spam is 200" ]
[ "$etags" = "later the list has ham, and the page of spam is 200" ]
