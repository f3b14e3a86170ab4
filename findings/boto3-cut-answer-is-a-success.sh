#!/bin/sh
# boto3 1.44.8 with botocore 1.44.8 and urllib3 2.8.0, Amazon SES v2.
#
# The connection ends in the middle of the answer to SendEmail: Content-Length promised more bytes than came. One would
# guess an error, as for any client whose body is cut, or a retry. `send_email` returns: a dictionary with
# HTTPStatusCode 200 and without MessageId. An empty 200 and a page of HTML get the same. With a chunked body that
# is cut the request is sent again, three times in all, and SES has no key to tell them apart.
#
# Seen: cut: returned 200, MessageId False, arrivals 1; cut chunks: ConnectionClosedError, arrivals 3
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m pip install --quiet --target py boto3==1.44.8 botocore==1.44.8 urllib3==2.8.0 2>/dev/null
seen=$(PYTHONPATH=py AWS_CONFIG_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true python3 - <<'PY'
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3

BODY = b'{"MessageId":"010f"}'
arrivals = []
chunked = False


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        arrivals.append(self.rfile.read(int(self.headers["Content-Length"])))
        half = BODY[: len(BODY) // 2]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
            half = b"%x\r\n%s\r\n" % (len(half), half)
        else:
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(half)
        self.close_connection = True

    def log_message(self, *_):
        pass


api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
Thread(target=api.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{api.server_port}"
keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
ses = boto3.client("sesv2", region_name="eu-west-1", endpoint_url=url, **keys)


def tried():
    arrivals.clear()
    text = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}
    try:
        answer = ses.send_email(
            FromEmailAddress="a@shop.example",
            Destination={"ToAddresses": ["b@home.example"]},
            Content={"Simple": text},
        )
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        end = f"returned {status}, MessageId {'MessageId' in answer}"
    except Exception as error:
        end = type(error).__name__
    return f"{end}, arrivals {len(arrivals)}"


cut = tried()
chunked = True
print(f"cut: {cut}; cut chunks: {tried()}")
PY
)
echo "$seen"
[ "$seen" = "cut: returned 200, MessageId False, arrivals 1; cut chunks: ConnectionClosedError, arrivals 3" ]
