#!/usr/bin/env bash
# An index that UV_INDEX names loses what the configuration says of the index of the same name and address (uv 0.13.9).
#
# A good engineer would guess that the variable and the configuration mean one index, and that its `exclude-newer = false`
# counts, because uv reads both and warns of nothing. It does not: the index of the variable is another one, without
# settings, and stands before it. So to except an index from UV_EXCLUDE_NEWER, no variable may name it. And an index that is
# excepted wins with its newest version, whatever the date.
#
# Output seen (2026-11-30, Python 3.11, x86-64):
#   configuration alone: demo==2.0
#   configuration and UV_INDEX: nothing
#   one project excepted, its version limited: demo==1.0
#
# Exit status: 0 as seen, 1 if the behaviour has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv tools
tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv==0.13.9'
# An index with two wheels, both uploaded in 2026; upstream, the default index, has nothing of the project.
cat > server.py <<'SERVER'
import hashlib, http.server, io, json, zipfile

FILES = {}
for version in ("1.0", "2.0"):
    buffer, info = io.BytesIO(), f"demo-{version}.dist-info"
    with zipfile.ZipFile(buffer, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    FILES[f"demo-{version}-py3-none-any.whl"] = buffer.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body, kind, status = FILES.get(self.path.rpartition("/")[2], b""), "application/octet-stream", 200
        if self.path == "/own/demo/":
            kind = "application/vnd.pypi.simple.v1+json"
            files = [
                {
                    "filename": name, "url": f"/own/files/{name}", "size": len(data), "upload-time": "2026-11-01T00:00:00Z",
                    "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                }
                for name, data in FILES.items()
            ]
            page = {"meta": {"api-version": "1.1"}, "name": "demo", "versions": ["1.0", "2.0"], "files": files}
            body = json.dumps(page).encode()
        elif not body:
            status = 404
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *ignored):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
print(server.server_port, flush=True)
server.serve_forever()
SERVER
mkfifo port
python3 server.py > port &
server=$!
read -r port < port
own=http://127.0.0.1:$port/own/
export UV_DEFAULT_INDEX=http://127.0.0.1:$port/upstream/ UV_EXCLUDE_NEWER=2021-01-01T00:00:00Z UV_NO_CACHE=1
printf '[[index]]\nname = "own"\nurl = "%s"\nexclude-newer = false\n' "$own" > settings.toml
echo demo > demo.in
echo 'demo<=1.0' > limit.txt
compiled() { tools/bin/uv pip compile --quiet --no-header --no-annotate --python tools/bin/python "$@" demo.in 2> errors || echo nothing; }
configured=$(compiled --config-file settings.toml)
both=$(UV_INDEX="own=$own" compiled --config-file settings.toml)
limited=$(UV_INDEX="own=$own" compiled --no-config --exclude-newer-package demo=false --constraints limit.txt)
echo "configuration alone: $configured"
echo "configuration and UV_INDEX: $both"
echo "one project excepted, its version limited: $limited"
[ "$configured" = demo==2.0 ] && [ "$both" = nothing ] && [ "$limited" = demo==1.0 ]
