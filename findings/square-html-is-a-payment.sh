#!/bin/sh
# square 46.0.0 (npm).
#
# A proxy answers a payment with 200 and a page of HTML. One would guess that `payments.create` throws, since the body
# is not JSON, as it does for an empty body. It resolves, without `payment`, with an object of the client's inner
# workings: `{ ok: false, error: { reason: "non-json", … } }`. Code that looks at `errors`, where Square puts
# its own, sees none.
#
# Seen: HTML: resolved, ok false, non-json, payment undefined, errors undefined; empty: rejected
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund square@46.0.0 >/dev/null
cat >shown.js <<'JS'
const http = require("node:http");
const { SquareClient } = require("square");

async function tried(body) {
  const server = http.createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200, { "Content-Type": "text/html" }).end(body));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const client = new SquareClient({ token: "x", baseUrl: `http://127.0.0.1:${server.address().port}` });
  const payment = { sourceId: "s", idempotencyKey: "key", amountMoney: { amount: 100n, currency: "EUR" } };
  try {
    const answer = await client.payments.create(payment);
    return `resolved, ok ${answer.ok}, ${answer.error?.reason}, payment ${answer.payment}, errors ${answer.errors}`;
  } catch {
    return "rejected";
  }
}

(async () => {
  console.log(`HTML: ${await tried("<html><body>back soon</body></html>")}; empty: ${await tried("")}`);
  process.exit();
})();
JS
seen=$(node shown.js)
echo "$seen"
[ "$seen" = "HTML: resolved, ok false, non-json, payment undefined, errors undefined; empty: rejected" ]
