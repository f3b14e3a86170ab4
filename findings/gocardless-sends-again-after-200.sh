#!/bin/sh
# gocardless_pro 3.22.0 (PyPI).
#
# Of a client that sends a POST again by itself one would guess that it does so after a 503, and that it does not after
# a 200. It is the other way round: a 503 with an error of the API in it is raised at once, and a 200 whose body is
# empty or a page of HTML is sent again, three times in all, with the same key. The server has most likely acted at
# the first.
#
# Seen: 503: 1, GoCardlessInternalError; empty 200: 3, MalformedResponseError; HTML 200: 3, the same; same key: true
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install --quiet --target py gocardless_pro==3.22.0 requests==2.34.2 2>/dev/null
seen=$(PYTHONPATH=py python3 - <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import gocardless_pro

ERROR = {"message": "try later", "type": "gocardless", "code": 503, "errors": []}
ANSWERS = {
    "503": (503, "application/json", json.dumps({"error": ERROR}).encode()),
    "empty 200": (200, "application/json", b""),
    "HTML 200": (200, "text/html", b"<html><body>back soon</body></html>"),
}
keys = []
now = None


class Api(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        keys.append(self.headers["Idempotency-Key"])
        status, kind, body = ANSWERS[now]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
Thread(target=api.serve_forever, daemon=True).start()
client = gocardless_pro.Client(access_token="x", base_url=f"http://127.0.0.1:{api.server_port}")
same = []
last = None
for now in ANSWERS:
    keys.clear()
    try:
        client.payments.create(params={"amount": 100, "currency": "GBP", "links": {"mandate": "MD1"}})
        raised = "a payment"
    except Exception as error:
        raised = type(error).__name__
    raised, last = ("the same" if raised == last else raised), raised
    same.append(len(set(keys)) == 1 and keys[0] is not None)
    print(f"{now}: {len(keys)}, {raised}", end="; ")
print(f"same key: {str(all(same)).lower()}")
PY
)
echo "$seen"
expected="503: 1, GoCardlessInternalError; empty 200: 3, MalformedResponseError; HTML 200: 3, the same; same key: true"
[ "$seen" = "$expected" ]
