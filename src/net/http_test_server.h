// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "os/process.h"
#include "os/test_temp_dir.h"

/// For tests only.
namespace kiln::net::test {

/// A server on loopback with answers good and bad; the script says which path gives which.
class HttpTestServer {
 public:
  HttpTestServer();

  /// The URL of `path` (with its slash) over HTTP, over TLS, over TLS that wants a certificate.
  std::string http(std::string_view path) const;
  std::string https(std::string_view path) const;
  std::string mutual(std::string_view path) const;
  /// A port that nobody listens on, and one where nobody answers.
  std::string refused() const;
  std::string silent() const;
  /// Ports, over TLS, whose connections are reset or closed before the handshake ends.
  std::string resetting() const;
  std::string closing() const;

  std::string certificate_file() const { return work_.path("cert.pem"); }
  std::string key_file() const { return work_.path("key.pem"); }
  std::string certificate() const { return work_.read("cert.pem"); }

 private:
  std::string url(std::string_view scheme, std::string_view port, std::string_view path) const;

  os::test::TempDir work_;
  os::Fd keep_open_;  ///< the server ends when this does
  os::Process process_;
};

/// Serves until its standard input ends, so never longer than the test.
inline constexpr const char* kHttpTestServerScript = R"python(
import hashlib, http.server, os, socket, ssl, struct, subprocess, sys, threading, time
work = sys.argv[1]
cert, key = work + "/cert.pem", work + "/key.pem"
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)

def content(size):
    return bytes(i * 7 % 251 for i in range(size))

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers: self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD": self.wfile.write(body)
    def request_body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            out = b""
            while size := int(self.rfile.readline(), 16):
                out += self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
            return out
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))
    def cut(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
    def serve(self):
        body = self.request_body()
        if self.path.startswith("http://"):
            return self.answer(200, b"proxied " + self.path.encode())
        word, _, rest = self.path[1:].partition("/")
        if word == "echo":
            lines = [self.command + " " + self.path]
            lines += sorted(k.lower() + ": " + v for k, v in self.headers.items())
            lines += [f"body {len(body)} {hashlib.sha256(body).hexdigest()}", f"port {self.client_address[1]}"]
            self.answer(200, "\n".join(lines).encode(), [("X-Twice", "one"), ("x-twice", "two")])
        elif word == "status":
            self.answer(int(rest), b"reason " + rest.encode(), [("Retry-After", "7")])
        elif word == "bytes":
            data = content(int(rest)); span = self.headers.get("Range", "")
            if not span: return self.answer(200, data)
            first, last = span.removeprefix("bytes=").split("-")
            first = int(first); last = int(last or len(data) - 1)
            self.answer(206, data[first:last + 1], [("Content-Range", f"bytes {first}-{last}/{len(data)}")])
        elif word == "redirect":
            left = int(rest)
            self.answer(302, b"ignored", [("Location", f"/redirect/{left - 1}" if left > 1 else "/echo/end")])
        elif word == "loop": self.answer(307, b"", [("Location", "/loop")])
        elif word == "keep-on-to": self.answer(308, b"", [("Location", rest)])
        elif word == "redirect-to": self.answer(302, b"", [("Location", rest)])
        elif word == "truncated":
            self.send_response(200); self.send_header("Content-Length", "1000"); self.end_headers()
            self.wfile.write(b"only this"); self.cut()
        elif word == "truncated-chunks":
            self.send_response(200); self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
            self.wfile.write(b"4\r\nonly\r\n"); self.cut()
        elif word == "endless":
            self.send_response(int(rest)); self.send_header("Location", "/echo/end")
            self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
            try:
                while True: self.wfile.write(b"10000\r\n" + b"a" * 65536 + b"\r\n")
            except OSError: self.close_connection = True
        elif word == "drop": self.cut()
        elif word == "garbage": self.wfile.write(b"SSH-2.0-nothing\r\n"); self.cut()
        elif word == "stall":
            self.send_response(200); self.send_header("Content-Length", "1000"); self.end_headers()
            self.wfile.write(b"only this"); self.wfile.flush(); time.sleep(30)
        else: self.answer(404, b"no such path")
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    def handle_error(self, *a): pass

def start(wrap=None):
    server = Server(("127.0.0.1", 0), Handler)
    if wrap: server.socket = wrap.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port

def context(mutual):
    out = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); out.load_cert_chain(cert, key)
    if mutual: out.verify_mode = ssl.CERT_REQUIRED; out.load_verify_locations(cert)
    return out

def hang_up(reset):
    listening = socket.create_server(("127.0.0.1", 0))
    def serve():
        while True:
            connection = listening.accept()[0]
            connection.recv(65536)
            if reset: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
    threading.Thread(target=serve, daemon=True).start()
    return listening.getsockname()[1]

silent = socket.create_server(("127.0.0.1", 0))
unused = socket.socket(); unused.bind(("127.0.0.1", 0))
ports = [start(), start(context(False)), start(context(True)), silent.getsockname()[1], unused.getsockname()[1], hang_up(True), hang_up(False)]
for name, port in zip(["http", "https", "mutual", "silent", "refused", "resetting", "closing"], ports):
    with open(f"{work}/{name}", "w") as f: f.write(str(port))
open(work + "/ready", "w").close()
sys.stdin.read()
)python";

inline os::Process start_http_test_server(const os::test::TempDir& work, os::Fd& keep_open) {
  auto pipe = os::test::must(os::create_pipe());
  keep_open = std::move(pipe.write_end);
  os::SpawnOptions options;
  options.argv = {"python3", "-c", kHttpTestServerScript, work.path()};
  options.in = os::Stdio::of(std::move(pipe.read_end));
  auto process = os::test::must(os::Process::spawn(std::move(options)));
  for (int tries = 0; !work.exists("ready"); ++tries) {
    if (tries == 1000) throw std::runtime_error("the test server does not start");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return process;
}

inline HttpTestServer::HttpTestServer() : process_(start_http_test_server(work_, keep_open_)) {}

inline std::string HttpTestServer::url(std::string_view scheme, std::string_view port,
                                       std::string_view path) const {
  return fmt::format("{}://localhost:{}{}", scheme, work_.read(port), path);
}

inline std::string HttpTestServer::http(std::string_view path) const {
  return url("http", "http", path);
}
inline std::string HttpTestServer::https(std::string_view path) const {
  return url("https", "https", path);
}
inline std::string HttpTestServer::mutual(std::string_view path) const {
  return url("https", "mutual", path);
}
inline std::string HttpTestServer::refused() const { return url("http", "refused", "/"); }
inline std::string HttpTestServer::silent() const { return url("http", "silent", "/"); }
inline std::string HttpTestServer::resetting() const { return url("https", "resetting", "/"); }
inline std::string HttpTestServer::closing() const { return url("https", "closing", "/"); }

}  // namespace kiln::net::test
