#!/bin/sh
# stripe 23.1.0 (npm) and stripe 16.1.0 (PyPI).
#
# "No retries" has three meanings in two packages of one provider. With `maxNetworkRetries: 0` one would guess that
# the npm package sends a request once: after a 500 it does, but after a closed connection it sends the POST again.
# In the Python package `stripe.max_network_retries` is 2, and one would guess that it is the default of both ways to
# call: it is for `stripe.PaymentIntent.create`, and is not for `StripeClient`, which sends once. The key is the
# same on each arrival.
#
# Seen: npm with 0: 500 1, closed 2; PyPI by default: module 3, client 1; same key: true
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund stripe@23.1.0 >/dev/null
python3 -m pip install --quiet --target py stripe==16.1.0 requests==2.34.2 2>/dev/null
cat >once.js <<'JS'
const stripe = require("stripe");
const Stripe = stripe.Stripe ?? stripe.default ?? stripe;
const client = new Stripe("sk_test_x", {
  host: "127.0.0.1", port: process.argv[2], protocol: "http", telemetry: false, maxNetworkRetries: 0,
});
client.paymentIntents.create({ amount: 100, currency: "eur" }).catch(() => {});
JS
seen=$(PYTHONPATH=py python3 - <<'PY'
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import stripe

keys = []
answers_500 = False


class Api(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        keys.append(self.headers["Idempotency-Key"])
        if answers_500:
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_):
        pass


api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
Thread(target=api.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{api.server_port}"
same = []


def arrivals(call):
    keys.clear()
    try:
        call()
    except stripe.StripeError:
        pass
    same.append(len(set(keys)) == 1 and keys[0] is not None)
    return len(keys)


def npm():
    subprocess.run(["node", "once.js", str(api.server_port)], check=True)


def module():
    stripe.api_key, stripe.api_base = "sk_test_x", url
    stripe.PaymentIntent.create(amount=100, currency="eur")


def client():
    intents = stripe.StripeClient("sk_test_x", base_addresses={"api": url}).v1.payment_intents
    intents.create({"amount": 100, "currency": "eur"})


answers_500 = True
npm_500 = arrivals(npm)
answers_500 = False
print(
    f"npm with 0: 500 {npm_500}, closed {arrivals(npm)};",
    f"PyPI by default: module {arrivals(module)}, client {arrivals(client)};",
    f"same key: {str(all(same)).lower()}",
)
PY
)
echo "$seen"
[ "$seen" = "npm with 0: 500 1, closed 2; PyPI by default: module 3, client 1; same key: true" ]
