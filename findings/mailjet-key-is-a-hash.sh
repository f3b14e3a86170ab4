#!/bin/sh
# mailjet-rest 1.9.1 (PyPI).
#
# The client puts an Idempotency-Key on each POST. One would guess a random one for each call, as other clients do: it
# is a hash of the body, so the same text sent twice on purpose has one key. And the hash leaves out CustomID and
# SandboxMode: two orders that differ in their CustomID alone have one key, and so have a trial in the sandbox
# and the real message after it.
#
# Seen: one key for: the same again true, another CustomID true, sandbox and real true, another subject false
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install --quiet --target py mailjet-rest==1.9.1 requests==2.34.2 2>/dev/null
seen=$(PYTHONPATH=py python3 - 2>/dev/null <<'PY'
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from mailjet_rest import Client

keys = []


class Api(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        keys.append(self.headers["Idempotency-Key"])
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"Messages":[{"Status":"success"}]}')

    def log_message(self, *_):
        pass


api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
Thread(target=api.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{api.server_port}/"


def key(order, sandbox=False, subject="Your order is on its way"):
    message = {
        "From": {"Email": "a@shop.example"},
        "To": [{"Email": "b@home.example"}],
        "Subject": subject,
        "TextPart": "It comes tomorrow.",
        "CustomID": order,
    }
    client = Client(auth=("x", "x"), version="v3.1", api_url=url)
    client.send.create(data={"Messages": [message], "SandboxMode": sandbox})
    assert keys[-1] is not None
    return keys[-1]


first = key("ORDER-1")
others = {
    "the same again": key("ORDER-1"),
    "another CustomID": key("ORDER-2"),
    "sandbox and real": key("ORDER-1", sandbox=True),
    "another subject": key("ORDER-1", subject="Your order has arrived"),
}
print("one key for:", ", ".join(f"{of} {str(other == first).lower()}" for of, other in others.items()))
PY
)
echo "$seen"
[ "$seen" = "one key for: the same again true, another CustomID true, sandbox and real true, another subject false" ]
