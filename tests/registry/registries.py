# SPDX-License-Identifier: Apache-2.0
"""What the tests talk to: real registries on loopback, a server of tokens for one, and a certificate."""
import base64, ctypes, http.server, json, os, shutil, socket, ssl, subprocess, threading, time, urllib.parse, urllib.request

USER, PASSWORD = "tester", "open sesame"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def bcrypt(password):
    """As htpasswd -B; by libcrypt, because not every Python has its module."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype, crypt.argtypes = ctypes.c_char_p, [ctypes.c_char_p, ctypes.c_char_p]
    return crypt(password.encode(), b"$2b$05$abcdefghijklmnopqrstuu").decode()


def make_certificate(work):
    """A key and a certificate of itself for localhost, in files cert.pem and key.pem."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{work}/key.pem", "-out", f"{work}/cert.pem",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return f"{work}/cert.pem", f"{work}/key.pem"


class TokenServer:
    """Gives tokens for what is asked, to the tester alone, and anonymous ones for pulls of public/."""

    def __init__(self, work, certificate, key, lifetime=60):
        self.certificate, self.key, self.work, self.lifetime = certificate, key, work, lifetime
        self.given = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                header = self.headers.get("Authorization", "")
                known = header == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                if header and not known:
                    return self.answer(401, {"details": "incorrect username or password"})
                access = []
                for scope in query.get("scope", []):
                    kind, name, actions = scope.split(":")
                    allowed = [a for a in actions.split(",") if known or (a == "pull" and name.startswith("public/"))]
                    access.append({"type": kind, "name": name, "actions": allowed})
                outer.given += 1
                self.answer(200, {"token": outer.token(access), "expires_in": outer.lifetime})

            def answer(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token_for(self, repository, *actions):
        return self.token([{"type": "repository", "name": repository, "actions": list(actions)}])

    def token(self, access):
        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")
        der = subprocess.run(["openssl", "x509", "-in", self.certificate, "-outform", "DER"], check=True, capture_output=True).stdout
        now = int(time.time())
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {"iss": "tests", "sub": USER, "aud": "registry", "exp": now + self.lifetime, "nbf": now - 5, "iat": now,
                  "jti": str(self.given), "access": access}
        signed = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims).encode())
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed, check=True, capture_output=True).stdout
        return (signed + b"." + part(signature)).decode()


class Registry:
    """Debian's docker-registry. `auth` is None, "basic" or a TokenServer; `clients` a file of authorities for certificates of clients."""

    def __init__(self, work, tls=None, auth=None, clients=None):
        self.port = free_port()
        self.name = f"localhost:{self.port}"
        self.data = f"{work}/registry-{self.port}"
        os.makedirs(self.data)
        config = ["version: 0.1", "log: {level: error}", "storage:", f"  filesystem: {{rootdirectory: {self.data}}}",
                  "  delete: {enabled: true}", "http:", f"  addr: 127.0.0.1:{self.port}"]
        if tls:
            config += ["  tls:", f"    certificate: {tls[0]}", f"    key: {tls[1]}"]
        if clients:
            config += ["    clientcas:", f"      - {clients}"]
        if auth == "basic":
            with open(f"{self.data}/htpasswd", "w", encoding="utf-8") as f:
                f.write(f"{USER}:{bcrypt(PASSWORD)}\n")
            config += ["auth:", "  htpasswd:", "    realm: tests", f"    path: {self.data}/htpasswd"]
        elif auth:
            config += ["auth:", "  token:", f"    realm: {auth.url}", "    service: registry", "    issuer: tests",
                       f"    rootcertbundle: {auth.certificate}"]
        with open(f"{self.data}/config.yml", "w", encoding="utf-8") as f:
            f.write("\n".join(config) + "\n")
        with open(f"{self.data}/log", "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", f"{self.data}/config.yml"], stdout=log, stderr=log)
        for _ in range(600):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("docker-registry does not start")

    def log(self):
        with open(f"{self.data}/log", encoding="utf-8") as f:
            return f.read()

    def put(self, method, path, body, media_type="application/octet-stream"):
        request = urllib.request.Request(path if "://" in path else f"http://{self.name}/v2/{path}", data=body, method=method,
                                         headers={"Content-Type": media_type})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.headers

    def put_blob(self, repository, digest, body):
        location = self.put("POST", f"{repository}/blobs/uploads/", b"")["Location"]
        self.put("PUT", f"{location}{'&' if '?' in location else '?'}digest={digest}", body)

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.data, ignore_errors=True)


def there():
    return shutil.which("docker-registry") is not None
