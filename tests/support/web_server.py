#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A web server on loopback for tests of remote sources.

    web_server.py DIRECTORY [--log FILE] [--daemonize]

Serves the files of DIRECTORY, and its bare git repositories (NAME.git) through git http-backend. Prints its address,
`http://127.0.0.1:PORT`, once it accepts connections. With --daemonize it then goes on in the background, for ten minutes
at most, or until DIRECTORY is gone. The log has a line for each request: `METHOD PATH STATUS`.

How a file is served is said by the first part of its path:

    /FILE             with Last-Modified and ETag; conditional requests are answered with 304
    /undated/FILE     without either
    /named/FILE       with `Content-Disposition: attachment; filename="renamed.txt"`
    /moved/FILE       by a redirect to /FILE
    /token/FILE       if the request has the header `Authorization: Bearer open-sesame`
    /basic/FILE       if its user is `user` with the password `secret`
    /status/NUMBER    an empty answer of that status
"""
import argparse, base64, email.utils, hashlib, http.server, os, subprocess, sys, threading, time

MODES = ("undated", "named", "moved", "token", "basic", "status")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def log_request(self, code="-", size="-"):
        if self.server.log_path:
            with open(self.server.log_path, "a") as f:
                f.write(f"{self.command} {self.path} {int(code)}\n")

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        parts = path.lstrip("/").split("/")
        mode = parts.pop(0) if parts[0] in MODES else ""
        if ".git/" in path:
            allowed = mode != "basic" or self.may_pass(mode)
            return self.git("/".join(parts), query) if allowed else self.refuse(mode)
        if mode == "status":
            return self.answer(int(parts[0]))
        if mode == "moved":
            return self.answer(302, [("Location", "/" + "/".join(parts))])
        if mode in ("token", "basic") and not self.may_pass(mode):
            return self.refuse(mode)
        file = os.path.normpath(os.path.join(self.server.directory, *parts))
        if not file.startswith(self.server.directory + "/") or not os.path.isfile(file):
            return self.answer(404, body=b"not here\n")
        self.file(file, mode)

    do_HEAD = do_POST = do_GET

    def may_pass(self, mode):
        wanted = "Bearer open-sesame" if mode == "token" else "Basic " + base64.b64encode(b"user:secret").decode()
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        return scheme.capitalize() + " " + value == wanted

    def refuse(self, mode):
        self.answer(401, [("WWW-Authenticate", "Bearer" if mode == "token" else 'Basic realm="test"')])

    def file(self, file, mode):
        with open(file, "rb") as f:
            body = f.read()
        headers = [("Content-Type", "application/octet-stream")]
        if mode != "undated":
            tag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
            headers += [("ETag", tag), ("Last-Modified", email.utils.formatdate(os.stat(file).st_mtime, usegmt=True))]
            if tag in self.headers.get("If-None-Match", ""):
                return self.answer(304, headers[1:])
        if mode == "named":
            headers.append(("Content-Disposition", 'attachment; filename="renamed.txt"'))
        self.answer(200, headers, body)

    def git(self, path, query):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.server.directory, "GIT_HTTP_EXPORT_ALL": "1",
               "PATH_INFO": "/" + path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
               "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
               "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1",
               "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        made = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        head, _, content = made.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.answer(status, [h for h in headers if h[0] != "Status"], content)

    def chunk(self):
        data = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return data


class WebServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, directory, log_path=None):
        self.directory, self.log_path = os.path.realpath(directory), log_path
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--log")
    parser.add_argument("--daemonize", action="store_true")
    options = parser.parse_args()
    log = os.path.abspath(options.log) if options.log else None
    server = WebServer(options.directory, log)
    print(server.address, flush=True)
    if not options.daemonize:
        return server.serve_forever()
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    with server:
        end = time.monotonic() + 600
        while time.monotonic() < end and os.path.isdir(server.directory):
            time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
