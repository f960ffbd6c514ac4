# SPDX-License-Identifier: Apache-2.0
"""Cases of `kiln manifest`, `kiln imagetools`, `kiln search` and of referrers. What is expected is what docker 28 and buildx print."""
import base64, http.server, json, os, re, threading, urllib.parse, urllib.request

import hostile, registries
from kit import check

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INTOTO = "application/vnd.in-toto+json"


def add_image(registry, repository, tag, architecture, variant=None, media_type=DOCKER):
    """A one-layer image at the registry; (digest, text of its manifest)."""
    image = hostile.Image(hostile.tar_of(("hello", b"for " + architecture.encode())))
    image.config["architecture"] = architecture
    if variant:
        image.config["variant"] = variant
    found = image.manifest()
    found["mediaType"] = media_type
    text = json.dumps(found, indent=3).encode()
    for digest, blob in image.blobs.items():
        registry.put_blob(repository, digest, blob)
    registry.put("PUT", f"{repository}/manifests/{tag}", text, media_type)
    return hostile.digest(text), text


def fetch(registry, path, accept):
    request = urllib.request.Request(f"http://{registry.name}/v2/{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


class IndexServer:
    """A registry's search of version 1, and a repository with a referrers API."""

    def __init__(self):
        self.queries, outer = [], self
        self.subject = b'{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"x","digest":"sha256:%s","size":1},"layers":[]}' % (
            hostile.OCI.encode(), b"0" * 64)
        self.pages = 2

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(url.query)
                if url.path == "/v1/search":
                    outer.queries.append(query)
                    return self.answer(outer.results(int(query["n"][0])))
                if url.path == f"/v2/app/referrers/{hostile.digest(outer.subject)}":
                    page = int(query.get("page", ["1"])[0])
                    links = {"Link": f'<{url.path}?page={page + 1}>; rel="next"'} if page < outer.pages else {}
                    return self.answer({"schemaVersion": 2, "mediaType": hostile.INDEX, "manifests": [
                        {"mediaType": hostile.OCI, "digest": f"sha256:{page:064x}", "size": 7, "artifactType": f"application/kind-{page}"}]}, links)
                if url.path.startswith("/v2/app/manifests/"):
                    return self.send(200, outer.subject, {"Content-Type": hostile.OCI})
                self.send(200 if url.path == "/v2/" else 404, b"{}", {})

            def answer(self, value, headers=None):
                self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

            def send(self, status, body, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.name = f"localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def results(count):
        rows = [{"name": "redis", "description": "Redis is an open source key-value store that functions as a data structure server.",
                 "star_count": 13000, "is_official": True, "is_automated": False},
                {"name": "someone/redis", "description": "two\nlines", "star_count": 3, "is_official": False},
                {"name": "none/stars", "description": None, "star_count": 0}]
        return {"num_results": len(rows), "query": "redis", "results": rows[:count]}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class IndexToolCases:
    def case_manifest_lists(self):
        """Made, annotated, shown, pushed and forgotten, in docker's words."""
        registry = registries.Registry(self.work)
        try:
            one, text = add_image(registry, "team/amd64", "1", "amd64")
            two, _ = add_image(registry, "team/arm", "1", "arm", "v7")
            kiln, at = self.kiln(), f"{registry.name}/team"
            kiln("manifest", "rm", f"{at}/list:1", "nobody", fails=rf"No such manifest: {at}/list:1\nNo such manifest: docker.io/library/nobody:latest\n$")
            made = f"Created manifest list {at}/list:1\n"
            check(kiln("manifest", "create", f"{at}/list:1", f"{at}/arm:1") == made, "create")
            kiln("manifest", "create", f"{at}/list:1", f"{at}/amd64:1", fails="refusing to amend an existing manifest list with no --amend flag")
            check(kiln("manifest", "create", "--amend", f"{at}/list:1", f"{at}/amd64:1") == made, "amend")
            kiln("manifest", "create", f"{at}/other", f"{at}/none:1", fails=f"no such manifest: {at}/none:1")
            kiln("manifest", "create", "BAD", "x", fails=r"error parsing name for manifest list BAD: invalid reference format: repository name .*must be lowercase")
            kiln("manifest", "annotate", f"{at}/list:1", f"{at}/arm:1", "--variant", "v6", "--os-version", "7", "--os-features", "a,b")
            kiln("manifest", "annotate", f"{at}/list:1", f"{at}/arm:1", "--arch", "nope",
                 fails="manifest entry for image has unsupported os/arch combination: /nope")
            kiln("manifest", "annotate", f"{at}/list:1", f"{at}/none:1", fails=f"manifest for image {at}/none:1 does not exist in {at}/list:1")
            size = len(text)
            entries = [f'''      {{
         "mediaType": "{DOCKER}",
         "size": {size},
         "digest": "{one}",
         "platform": {{
            "architecture": "amd64",
            "os": "linux"
         }}
      }}''', '''      {
         "mediaType": "%s",
         "size": %d,
         "digest": "%s",
         "platform": {
            "architecture": "arm",
            "os": "linux",
            "os.version": "7",
            "os.features": [
               "a",
               "b"
            ],
            "variant": "v6"
         }
      }''' % (DOCKER, len(fetch(registry, "team/arm/manifests/1", DOCKER)), two)]
            wanted = '{\n   "schemaVersion": 2,\n   "mediaType": "%s",\n   "manifests": [\n%s\n   ]\n}' % (DOCKER_LIST, ",\n".join(entries))
            check(kiln("manifest", "inspect", f"{at}/list:1") == wanted + "\n", "inspect of a list: " + kiln("manifest", "inspect", f"{at}/list:1"))
            shown = kiln("manifest", "inspect", f"{at}/list:1", f"{at}/amd64:1")
            check(shown == json.dumps(json.loads(text), indent="\t") + "\n", shown)
            verbose = json.loads(kiln("manifest", "inspect", "-v", f"{at}/list:1"))
            check([list(v) for v in verbose] == [["Ref", "Descriptor", "Raw", "SchemaV2Manifest"]] * 2, verbose)
            check(verbose[0]["Ref"] == f"{at}/amd64:1" and base64.b64decode(verbose[0]["Raw"]) == text, verbose[0])
            check(list(verbose[1]["Descriptor"]["platform"]) == ["architecture", "os", "os.version", "os.features", "variant"], verbose[1])
            pushed = kiln("manifest", "push", f"{at}/list:1")
            digest = hostile.digest(wanted.encode())
            check(pushed == "".join(f"Pushed ref {at}/list@{d} with digest: {d}\n" for d in (one, two)) + digest + "\n", pushed)
            check(fetch(registry, "team/list/manifests/1", DOCKER_LIST) == wanted.encode(), "another list at the registry")
            check(kiln("manifest", "push", "--purge", f"{at}/list:1") == pushed, "pushed again")
            kiln("manifest", "push", f"{at}/list:1", fails=f"No such manifest: {at}/list:1")
            check(kiln("manifest", "inspect", f"{at}/list:1") == wanted + "\n", "inspect of what the registry has")
            remote = json.loads(kiln("manifest", "inspect", "-v", f"{at}/list:1"))
            check(remote[0]["Ref"] == f"{at}/list:1@{one}" and base64.b64decode(remote[0]["Raw"]) == text, remote[0])
            kiln("manifest", "create", f"{at}/list:2", f"{at}/list:1", fails=f"{at}/list:1 is a manifest list")
            kiln("manifest", "inspect", f"{at}/none:1", fails=f"no such manifest: {at}/none:1")
            check("Created" in kiln("manifest", "create", f"{at}/list:2", f"127.0.0.1:{registry.port}/team/arm:1"), "create")
            kiln("manifest", "push", f"{at}/list:2",
                 fails=f"cannot use source images from a different registry than the target image: 127.0.0.1:{registry.port} != {registry.name}")
            kiln("manifest", "rm", f"{at}/list:2")
            kiln("pull", "--platform", "linux/arm/v7", f"{at}/list:1")
        finally:
            registry.stop()

    def case_manifest_lists_of_the_store(self):
        """Images and indexes of the store, by `store:`."""
        registry = registries.Registry(self.work)
        try:
            at, kiln = f"{registry.name}/team", self.kiln()
            kiln.make_image("here", layers=1, size=5000)
            kiln("manifest", "create", f"{at}/list:1", "store:here")
            kiln("manifest", "annotate", f"{at}/list:1", "store:here", "--os-version", "5")
            kiln("manifest", "create", "-a", f"{at}/list:1", "store:nobody", fails="[Nn]o such image")
            digest = kiln("manifest", "push", "-p", f"{at}/list:1").strip().split("\n")[-1]
            other = self.kiln()
            check(f"Digest: {digest}" in other("pull", f"{at}/list:1"), "pull")
            check(other.inspect(f"{at}/list:1")["Id"] == kiln.inspect("here")["Id"], "another image")
            index = json.loads(other("manifest", "inspect", f"store:{at}/list:1"))
            check(index["manifests"][0]["platform"] == {"architecture": "amd64", "os": "linux", "os.version": "5"}, index)
            check(json.loads(kiln("manifest", "inspect", "store:here"))["layers"], "store:")
            other("manifest", "create", f"{at}/again:1", f"store:{at}/list:1")
            other("manifest", "push", f"{at}/again:1")
            self.kiln()("pull", f"{at}/again:1")
        finally:
            registry.stop()

    def case_imagetools(self):
        registry = registries.Registry(self.work)
        try:
            at, kiln = f"{registry.name}/team", self.kiln()
            one, _ = add_image(registry, "team/amd64", "1", "amd64", media_type=hostile.OCI)
            two, _ = add_image(registry, "team/arm64", "1", "arm64", "v8", media_type=hostile.OCI)
            docker, text = add_image(registry, "team/arm", "1", "arm", "v7")
            kiln("imagetools", "create", fails="no sources specified")
            kiln("buildx", "imagetools", "create", "x", fails="can't push with no tags specified, please set --tag or --dry-run")
            kiln("imagetools", "create", "--dry-run", "{}", fails="valid sources are digests, references and descriptors")
            kiln("imagetools", "create", "--dry-run", f"sha256:{'0' * 64}", fails="no repositories specified")
            kiln("imagetools", "create", "-t", f"{at}/made:1", f"{at}/amd64:1", f"sha256:{'0' * 64}", fails="multiple repositories specified")
            kiln("imagetools", "create", "-t", f"{at}/made:1", f"{at}/none:1", fails=f"{at}/none:1: not found")
            dry = kiln("imagetools", "create", "--dry-run", f"{at}/arm:1")
            check(json.loads(dry) == {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [
                {"mediaType": DOCKER, "digest": docker, "size": len(text), "platform": {"architecture": "arm", "os": "linux", "variant": "v7"}}]}, dry)
            check(kiln("imagetools", "create", "--dry-run", "--prefer-index=false", f"{at}/arm:1") == text.decode() + "\n", "carbon copy")
            kiln("imagetools", "create", "-t", f"{at}/made:1", "--annotation", "index:a=<b>", "--annotation", "manifest-descriptor[linux/arm64]:c=d",
                 "--metadata-file", f"{kiln.work}/metadata", f"{at}/amd64:1", f"{at}/arm64:1")
            raw = kiln("imagetools", "inspect", "--raw", f"{at}/made:1")
            digest = hostile.digest(raw.encode())
            with open(f"{kiln.work}/metadata", encoding="utf-8") as f:
                metadata = json.load(f)
            check(metadata["containerimage.descriptor"]["digest"] == digest and metadata["image.name"] == f"{at}/made", metadata)
            sizes = [m["size"] for m in json.loads(raw)["manifests"]]
            wanted = {"schemaVersion": 2, "mediaType": hostile.INDEX, "manifests": [
                {"mediaType": hostile.OCI, "digest": one, "size": sizes[0], "platform": {"architecture": "amd64", "os": "linux"}},
                {"mediaType": hostile.OCI, "digest": two, "size": sizes[1], "annotations": {"c": "d"},
                 "platform": {"architecture": "arm64", "os": "linux"}}], "annotations": {"a": "<b>"}}
            check(raw == json.dumps(wanted, indent=2).replace("<", "\\u003c").replace(">", "\\u003e"), raw)
            plain = (f"Name:      {at}/made:1\nMediaType: {hostile.INDEX}\nDigest:    {digest}\n           \nManifests: \n"
                     f"  Name:        {at}/made:1@{one}\n  MediaType:   {hostile.OCI}\n  Platform:    linux/amd64\n               \n"
                     f"  Name:        {at}/made:1@{two}\n  MediaType:   {hostile.OCI}\n  Platform:    linux/arm64\n  Annotations: \n    c: d\n")
            for words in ([], ["--format", "{{ .Manifest }}"]):
                check(kiln("buildx", "imagetools", "inspect", *words, f"{at}/made:1") == plain, kiln("imagetools", "inspect", f"{at}/made:1"))
            shown = kiln("imagetools", "inspect", "--format", "{{json .Manifest}}", f"{at}/made:1")
            wanted = {"schemaVersion": 2, "mediaType": hostile.INDEX, "digest": digest, "size": len(raw), **wanted}
            wanted = {key: wanted[key] for key in ("schemaVersion", "mediaType", "digest", "size", "manifests", "annotations")}
            check(shown == json.dumps(wanted, indent=2), shown)
            each = kiln("imagetools", "inspect", "--format", "{{range .Manifest.Manifests}}{{println .Digest .Platform.OS}}{{end}}", f"{at}/made:1")
            check(each == f"{one} linux\n{two} linux\n", each)
            images = json.loads(kiln("imagetools", "inspect", "--format", "{{json .Image}}", f"{at}/made:1"))
            check(list(images) == ["linux/amd64", "linux/arm64"] and images["linux/arm64"]["architecture"] == "arm64", images)
            check(kiln("imagetools", "inspect", "--format", "{{.Image.Architecture}} {{.Name}}", f"{at}/arm:1") == f"arm {at}/arm:1", "fields")
            kiln("imagetools", "inspect", "--raw", "--format", "x", f"{at}/made:1", fails="format and raw cannot be used together")
            kiln("imagetools", "inspect", f"{at}/none:1", fails=f"{at}/none:1: not found")
            kiln("imagetools", "create", "-t", f"{at}/made:1", "--append", f"{at}/arm:1")
            check([m["digest"] for m in json.loads(kiln("imagetools", "inspect", "--raw", f"{at}/made:1"))["manifests"]] == [one, two, docker], "append")
            kiln("imagetools", "create", "--progress=none", "-t", f"{at}/other:1", "-t", f"{at}/other:2", "--platform", "linux/arm64,linux/arm/v7",
                 f"{at}/made:1")
            kept = json.loads(kiln("imagetools", "inspect", "--raw", f"{at}/other:2"))["manifests"]
            check([m["digest"] for m in kept] == [two, docker], kept)
            kiln("pull", "--platform", "linux/arm64", f"{at}/other:1")
            descriptor = json.dumps({"mediaType": hostile.OCI, "digest": one, "size": sizes[0], "annotations": {"x": "y"}})
            dry = json.loads(kiln("imagetools", "create", "--dry-run", "-t", f"{at}/made:3", descriptor))
            check(dry["manifests"][0]["annotations"] == {"x": "y"}, dry)
        finally:
            registry.stop()

    def case_attestations(self):
        """Of an index with one image, and of one with two, as BuildKit puts them beside."""
        registry = registries.Registry(self.work)
        try:
            at, kiln = f"{registry.name}/team/app", self.kiln()
            entries = []
            for architecture in ("amd64", "arm64"):
                digest, text = add_image(registry, "team/app", architecture, architecture, media_type=hostile.OCI)
                entries.append({"mediaType": hostile.OCI, "digest": digest, "size": len(text), "platform": {"os": "linux", "architecture": architecture}})
                layers = []
                for kind, predicate in (("https://slsa.dev/provenance/v0.2", {"builder": {"id": architecture}}), ("https://spdx.dev/Document", {"name": "sbom"})):
                    statement = json.dumps({"predicateType": kind, "subject": [], "predicate": predicate}).encode()
                    registry.put_blob("team/app", hostile.digest(statement), statement)
                    layers.append({"mediaType": INTOTO, "digest": hostile.digest(statement), "size": len(statement),
                                   "annotations": {"in-toto.io/predicate-type": kind}})
                attestation = json.dumps(hostile.Image().manifest(layers=layers, config=json.loads(text)["config"])).encode()
                registry.put("PUT", f"team/app/manifests/a-{architecture}", attestation, hostile.OCI)
                entries.append({"mediaType": hostile.OCI, "digest": hostile.digest(attestation), "size": len(attestation),
                                "platform": {"os": "unknown", "architecture": "unknown"},
                                "annotations": {"vnd.docker.reference.digest": digest, "vnd.docker.reference.type": "attestation-manifest"}})
            for tag, listed in (("one", entries[:2]), ("two", entries), ("none", entries[:1])):
                registry.put("PUT", f"team/app/manifests/{tag}", json.dumps(hostile.index_of(*listed)).encode(), hostile.INDEX)

            def said(tag, template):
                return kiln("imagetools", "inspect", "--format", template, f"{at}:{tag}")
            check(json.loads(said("one", "{{json .Provenance}}")) == {"SLSA": {"builder": {"id": "amd64"}}}, said("one", "{{json .Provenance}}"))
            check(said("one", "{{.Provenance.SLSA.builder.id}} {{.SBOM.SPDX.name}}") == "amd64 sbom", "fields")
            two = json.loads(said("two", "{{json .Provenance}}"))
            check(two == {f"linux/{a}": {"SLSA": {"builder": {"id": a}}} for a in ("amd64", "arm64")}, two)
            check(said("two", '{{(index .SBOM "linux/arm64").SPDX.name}}') == "sbom", "by platform")
            check([said(tag, "{{json .SBOM}}") for tag in ("none", "amd64")] == ["{}", "{}"], "none")
        finally:
            registry.stop()

    def case_referrers(self):
        """By the API, page for page, and by the tag where there is none; never without being asked."""
        registry, server = registries.Registry(self.work), IndexServer()
        try:
            kiln = self.kiln()
            shown = kiln("imagetools", "inspect", f"{server.name}/app:1")
            check("\nReferrers: \n" in shown and re.findall(r"ArtifactType: (\S+)", shown) == ["application/kind-1", "application/kind-2"], shown)
            found = json.loads(kiln("imagetools", "inspect", "--format", "{{json .Referrers}}", f"{server.name}/app:1"))
            check([f["artifactType"] for f in found] == ["application/kind-1", "application/kind-2"], found)

            name = f"{registry.name}/team/app:1"
            kiln.make_image(name, layers=1, size=5000)
            digest = re.search(r"sha256:\w+", kiln("push", name))[0]
            check("Referrers" not in kiln("imagetools", "inspect", name), "none are there")
            check(json.loads(kiln("inspect", "--referrers", name))[0]["Referrers"] == [], "none are there")
            about = json.dumps(hostile.index_of({"mediaType": hostile.OCI, "digest": f"sha256:{'1' * 64}", "size": 9, "artifactType": INTOTO,
                                                 "annotations": {"of": "it"}})).encode()
            folder = f"{registry.data}/docker/registry/v2"  # the registry would ask for what the index lists
            self.put_unchecked(folder, "team/app", digest.replace(":", "-"), about)
            shown = kiln("imagetools", "inspect", name)
            check(f"  ArtifactType: {INTOTO}\n" in shown and "of: it" in shown, shown)
            found = json.loads(kiln("inspect", "--referrers", name))[0]["Referrers"]
            check(found == [{"Repository": f"{registry.name}/team/app", "mediaType": hostile.OCI, "digest": f"sha256:{'1' * 64}", "size": 9,
                             "annotations": {"of": "it"}, "artifactType": INTOTO}], found)
            registry.stop()
            check("Referrers" not in kiln.inspect(name), "asked without --referrers")
        finally:
            server.stop()
            registry.stop()

    @staticmethod
    def put_unchecked(folder, repository, tag, text):
        """A manifest written into the storage of docker-registry."""
        hexadecimal = hostile.digest(text).split(":")[1]
        blob = f"{folder}/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}"
        manifests = f"{folder}/repositories/{repository}/_manifests"
        link = f"sha256:{hexadecimal}"
        for path, content in ((f"{blob}/data", text), (f"{manifests}/revisions/sha256/{hexadecimal}/link", link.encode()),
                              (f"{manifests}/tags/{tag}/current/link", link.encode()), (f"{manifests}/tags/{tag}/index/sha256/{hexadecimal}/link", link.encode())):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(content)

    def case_search(self):
        server = IndexServer()
        try:
            kiln, term = self.kiln(), f"{server.name}/redis"
            table = kiln("search", term)
            check(table == "NAME            DESCRIPTION                                     STARS     OFFICIAL\n"
                           "redis           Redis is an open source key-value store that…   13000     [OK]\n"
                           "someone/redis   two lines                                       3         \n"
                           "none/stars                                                      0         \n", table)
            check(server.queries[-1] == {"q": ["redis"], "n": ["25"]}, server.queries)
            check("data structure server." in kiln("search", "--no-trunc", term), "--no-trunc")
            check(kiln("search", "--limit", "1", "--format", "{{.Name}} {{.StarCount}}", term) == "redis 13000\n", "--limit")
            check(server.queries[-1]["n"] == ["1"], server.queries)
            check(kiln("search", "-f", "is-official=false", "--filter", "stars=1", "--format", "{{.Name}}", term) == "someone/redis\n", "--filter")
            row = json.loads(kiln("search", "--format", "json", "--limit", "1", term))
            check(row["IsOfficial"] == "true" and row["StarCount"] == "13000", row)
            kiln("search", "--limit", "101", term, fails=r"limit 101 is outside the range of \[1, 100\]")
            kiln("search", "-f", "nope=1", term, fails="invalid filter 'nope'")
            kiln("search", "-f", "stars=x", term, fails="invalid filter 'stars=x'")
            registry = registries.Registry(self.work)
            try:
                kiln("search", f"{registry.name}/x", fails=f"{registry.name} can't be searched: it has no /v1/search")
            finally:
                registry.stop()
        finally:
            server.stop()
