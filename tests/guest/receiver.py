# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server on the host: guests fetch a file from it, and post what they have to tell."""

import hashlib
import http.server
import os
import queue
import threading

# Where a guest behind the NAT finds its host.
HOST = "10.0.2.2"


class Receiver:
    """Serves random bytes at /file; post() waits for the next body that a guest posts."""

    def __init__(self, size=1 << 20):
        self.content = os.urandom(size)
        self.digest = hashlib.sha256(self.content).hexdigest()
        self.posts = queue.Queue()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer(receiver.content)

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                receiver.posts.put(self.rfile.read(length))
                self.answer(b"")

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_port}/file"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def post(self, seconds=60):
        return self.post_bytes(seconds).decode(errors="replace")

    def post_bytes(self, seconds=60):
        return self.posts.get(timeout=seconds)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
