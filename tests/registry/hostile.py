# SPDX-License-Identifier: Apache-2.0
"""A registry that answers wrongly. Each case is a repository: what it serves, and what kiln has to say to it."""
import gzip, hashlib, http.server, io, json, tarfile, threading

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def tar_of(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.LNKTYPE, content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def zstd_bomb(size):
    """A frame (RFC 8878) of a few kilobytes that says a tar archive with a file of so many zeros."""
    header = tarfile.TarInfo("bomb")
    header.size = size
    frame, block = [b"\x28\xb5\x2f\xfd\x00\x50", (512 << 3).to_bytes(3, "little"), header.tobuf()], 128 << 10
    for left in range(size, 0, -block):
        frame.append((min(left, block) << 3 | 1 << 1 | (left <= block)).to_bytes(3, "little") + b"\0")
    return b"".join(frame)


def tar_of_a_hole(size):
    """A sparse file of GNU's format 1.0 with one byte of data, which is said to be so large."""
    info = tarfile.TarInfo("hole")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole", "GNU.sparse.realsize": str(size)}
    info.size = 513
    return info.tobuf(tarfile.PAX_FORMAT) + b"1\n0\n1\n".ljust(512, b"\0") + b"x".ljust(512, b"\0") + bytes(1024)


class Image:
    """A sound image, to be spoiled."""

    def __init__(self, tar=None, layer=None):
        self.tar = tar_of(("hello", b"x" * 100_000)) if tar is None else tar
        self.layer = gzip.compress(self.tar, mtime=0) if layer is None else layer
        self.config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(self.tar)]}}
        self.blobs = {digest(self.layer): self.layer}
        self.descriptor = {"mediaType": LAYER, "digest": digest(self.layer), "size": len(self.layer)}
        self.config_type = CONFIG

    def manifest(self, **changes):
        config = encode(self.config)
        self.blobs[digest(config)] = config
        out = {"schemaVersion": 2, "mediaType": OCI, "layers": [self.descriptor],
               "config": {"mediaType": self.config_type, "digest": digest(config), "size": len(config)}}
        return {**out, **changes}


class Case:
    """`manifest` is what the tag latest gives; `answers` are paths below the repository with other answers."""

    def __init__(self, error, manifest, blobs=None, media_type=OCI, answers=None, headers=None, digest_header=None):
        self.error, self.body, self.blobs, self.media_type = error, encode(manifest), blobs or {}, media_type
        self.answers, self.headers, self.digest_header = answers or {}, headers or {}, digest_header


def spoiled(error, change, **more):
    image = Image()
    change(image)
    return Case(error, image.manifest(), image.blobs, **more)


def index_of(*entries):
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}


def with_layer(error, tar=None, layer=None):
    image = Image(tar, layer)
    return Case(error, image.manifest(), image.blobs)


def cases():
    good = Image()
    manifest = encode(good.manifest())
    entry = {"mediaType": OCI, "digest": digest(manifest), "size": len(manifest), "platform": {"os": "linux", "architecture": "amd64"}}
    other = {**entry, "platform": {"os": "linux", "architecture": "s390x"}}
    blob = "/blobs/" + good.descriptor["digest"]
    served = {"blobs": good.blobs}

    def set_descriptor(**values):
        return lambda image: image.descriptor.update(values)

    def set_config(**values):
        return lambda image: image.config.update(values)

    nested = index_of()
    out = {
        "schema-1": Case("schema 1", {"schemaVersion": 1, "name": "x", "tag": "latest", "fsLayers": [], "history": []},
                         media_type="application/vnd.docker.distribution.manifest.v1+prettyjws"),
        "schema-1-without-type": Case("schema 1", {"schemaVersion": 1}, media_type="application/json"),
        "manifest-is-html": Case("no manifest but text/html", b"<html>please log in</html>", media_type="text/html"),
        "manifest-is-empty": Case("manifest", b""),
        "manifest-is-no-json": Case("manifest", b"{nonsense"),
        "manifest-nests-deeply": Case("manifest", b"[" * 100_000),
        "manifest-is-huge": Case("more than 4194304 bytes", b" " * (5 << 20)),
        "manifest-is-a-list": Case("not a JSON object", []),
        "manifest-of-an-artifact": spoiled("not a container image", lambda image: setattr(image, "config_type", "application/vnd.example")),
        "manifest-of-no-image": Case("not an image but application/vnd.example", {"schemaVersion": 2, "mediaType": "application/vnd.example"},
                                     media_type="application/vnd.example"),
        "manifest-and-index": Case('a manifest with the member "manifests"', good.manifest(manifests=[]), **served),
        "manifest-of-two-schemas": Case('a manifest with the member "fsLayers"', good.manifest(fsLayers=[]), **served),
        "index-and-manifest": Case('an index with the member "layers"', {**index_of(entry), "layers": []}, {digest(manifest): manifest}, INDEX),
        "index-with-config": Case('an index with the member "config"', {**index_of(entry), "config": {}}, {digest(manifest): manifest}, INDEX),
        "index-without-type-and-manifest": Case('with the member "layers"', {"schemaVersion": 2, "manifests": [entry], "layers": []},
                                                {digest(manifest): manifest}, INDEX),
        "manifest-has-another-type": Case("the server says that it is .*docker.* but it is .*oci.* by itself", manifest,
                                          media_type="application/vnd.docker.distribution.manifest.v2+json", **served),
        "manifest-after-a-mark": Case("a byte order mark before it", b"\xef\xbb\xbf" + manifest, **served),
        "index-entry-is-sha512": Case("invalid digest: sha512", index_of(other, {**entry, "digest": "sha512:" + "0" * 128}), {}, INDEX),
        "digest-header-lies": Case("has the digest", manifest, digest_header="sha256:" + "0" * 64, **served),
        "layer-of-another-type": spoiled("is no layer of an image but text/plain", set_descriptor(mediaType="text/plain")),
        "control-characters-in-a-digest": spoiled(r"invalid digest: sha256:\\x1b\[2J\\u0085", set_descriptor(digest="sha256:\x1b[2J\x85")),
        "control-characters-in-a-type": spoiled(r"its config is a a/b\\x1b\[2J\\x07", lambda image: setattr(image, "config_type", "a/b\x1b[2J\a")),
        "layer-digest-climbs": spoiled("invalid digest", set_descriptor(digest="sha256:../../../../etc/passwd")),
        "layer-digest-is-sha512": spoiled("invalid digest", set_descriptor(digest="sha512:" + "0" * 128)),
        "layer-size-negative": spoiled("negative size", set_descriptor(size=-1)),
        "layer-size-is-text": spoiled("size", set_descriptor(size="many")),
        "layer-is-longer": spoiled("the server has", set_descriptor(size=50)),
        "layer-is-shorter": spoiled("the server has", set_descriptor(size=5_000_000)),
        "layer-is-missing": Case("blob unknown|404", good.manifest(), {k: v for k, v in good.blobs.items() if k != good.descriptor["digest"]}),
        "layer-is-another": Case("its content has the digest", good.manifest(),
                                 {**good.blobs, good.descriptor["digest"]: good.layer[:-1] + b"\x7f"}),
        "layer-is-no-gzip": with_layer("layer", layer=b"this is no archive" * 100),
        "layer-is-half-a-gzip": with_layer("layer", layer=gzip.compress(tar_of(("a", b"x" * 100_000)), mtime=0)[:60]),
        "layer-does-not-fit-diff-id": with_layer("its content has the digest", layer=gzip.compress(tar_of(("other", b"y")), mtime=0)),
        "layer-climbs-out": with_layer(r"\.\./\.\./escaped", tar=tar_of(("../../escaped", b"x"))),
        "layer-has-absolute-name": with_layer("/etc/escaped", tar=tar_of(("/etc/escaped", b"x"))),
        "layer-links-to-nothing": with_layer("missing", tar=tar_of(("a", "missing"))),
        "layer-becomes-too-much": with_layer("unpacks to too much: more than 1073741824 bytes", layer=zstd_bomb(3 << 30)),
        "layer-is-a-hole": with_layer("more than 64 GiB of holes", tar=tar_of_a_hole(4 << 40)),
        "layer-becomes-more-than-it-says": spoiled("unpacks to too much: more than 4096 bytes",
                                                   set_descriptor(annotations={"io.containers.estargz.uncompressed-size": "4096"})),
        "config-is-missing": Case("blob", good.manifest(), {good.descriptor["digest"]: good.layer}),
        "config-is-huge": Case("more than 8388608", good.manifest(config={"mediaType": CONFIG, "digest": digest(b"x"), "size": 1 << 30}), **served),
        "config-is-another": Case("its content has the digest", good.manifest(),
                                  {k: (v if k == good.descriptor["digest"] else v[:-1] + b" ") for k, v in good.blobs.items()}),
        "config-is-no-json": spoiled("JSON|json|config", lambda image: setattr(image, "config", b"not json")),
        "config-lists-more-layers": spoiled("1 layers, but the config lists 2",
                                            set_config(rootfs={"type": "layers", "diff_ids": [digest(b"1"), digest(b"2")]})),
        "config-lists-bad-diff-ids": spoiled("invalid digest", set_config(rootfs={"type": "layers", "diff_ids": ["../.."]})),
        "index-without-platform": Case("no matching manifest for linux/", index_of(other), {digest(manifest): manifest}, INDEX),
        "index-is-empty": Case("no matching manifest", nested, {}, INDEX),
        "index-leads-nowhere": Case("not found", index_of({**entry, "digest": digest(b"gone")}), {}, INDEX),
        "index-lies-about-size": Case("the index says", index_of({**entry, "size": 7}), {digest(manifest): manifest}, INDEX),
        "answer-of-no-type": Case("nor does the answer say what it is", b"{}", media_type=""),
        "failure-without-end": Case("denied", b"", answers={"/manifests/latest": ("endless", b"a" * 65536, {"status": 403})}),
        "wait-for-ever": Case("wait 3600 s", b"", answers={"/manifests/latest": (429, {}, {"Retry-After": "9" * 30})}),
        "unauthorized": Case("unauthorized|Unauthorized", b"", answers={"/manifests/latest": (401, {"errors": [{"code": "UNAUTHORIZED", "message": "no"}]}, {})}),
        "forbidden": Case("denied: no", b"", answers={"/manifests/latest": (403, {"errors": [{"code": "DENIED", "message": "no"}]}, {})}),
        "missing": Case("not found: manifest unknown", b"", answers={"/manifests/latest": (404, {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "m"}]}, {})}),
        "teapot": Case("418", b"", answers={"/manifests/latest": (418, {}, {})}),
        "broken-server": Case("500.*tried 6 times", b"", answers={"/manifests/latest": (500, {}, {})}),
        "wait-an-hour": Case("wait 3600 s", b"", answers={"/manifests/latest": (429, {}, {"Retry-After": "3600"})}),
        "redirect-loop": Case("10 redirects", good.manifest(), good.blobs, answers={blob: (307, {}, {"Location": "LOOP"})}),
        "redirect-to-a-file": Case("file://|rotocol", good.manifest(), good.blobs, answers={blob: (307, {}, {"Location": "file:///etc/passwd"})}),
        "layer-ends-early-always": Case("ends after|closed|tried", good.manifest(), good.blobs, answers={blob: ("cut", good.layer[:50], {"whole": len(good.layer)})}),
        "wrong-range": Case("another part|tried", good.manifest(), good.blobs,
                            answers={blob: (206, good.layer, {"Content-Range": "bytes 99-100/200"})}),
        "bad-challenge": Case("unauthorized|401", b"", answers={"/manifests/latest": (401, {}, {"WWW-Authenticate": 'Bearer realm="", x=,,="'})}),
        "control-characters": Case(r"denied: a  \[31mred", b"", answers={"/manifests/latest": (403, {"errors": [{"code": "DENIED", "message": "a\n\x1b[31mred"}]}, {})}),
    }
    return out


class Server:
    def __init__(self):
        self.cases = cases()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                parts = self.path.removeprefix("/v2/").split("/", 1)
                case = outer.cases.get(parts[0])
                if case is None or len(parts) == 1:
                    return self.answer(404, b"{}", {})
                path = "/" + parts[1]
                if path in case.answers:
                    status, value, headers = case.answers[path]
                    if status == "cut":
                        return self.cut(value, int(headers["whole"]))
                    if status == "endless":
                        return self.endless(value, headers["status"])
                    headers = {k: (self.path if v == "LOOP" else v) for k, v in headers.items()}
                    return self.answer(status, encode(value), headers)
                kind, _, name = parts[1].partition("/")
                if kind == "manifests" and name == "latest":
                    sent = case.digest_header or digest(case.body)
                    return self.answer(200, case.body, {"Content-Type": case.media_type, "Docker-Content-Digest": sent})
                if name in case.blobs:
                    return self.answer(200, case.blobs[name], {"Content-Type": OCI if kind == "manifests" else "application/octet-stream"})
                self.answer(404, encode({"errors": [{"code": kind[:-1].upper() + "_UNKNOWN", "message": "unknown"}]}), {})

            do_HEAD = do_GET

            def answer(self, status, body, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def endless(self, chunk, status):
                self.send_response(status)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while self.command != "HEAD":
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

            def cut(self, body, whole):
                self.send_response(200)
                self.send_header("Content-Length", str(whole))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.name = f"localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
