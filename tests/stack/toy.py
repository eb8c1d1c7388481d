"""A program for the stack to run: answers its health URL, or exits at once when told to by `--broken`."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()


if __name__ == "__main__":
    if "--broken" in sys.argv:
        sys.exit("the toy is broken")
    HTTPServer(("127.0.0.1", int(os.environ["HANDRAIL_HTTP_PORT"])), Handler).serve_forever()
