# SPDX-License-Identifier: Apache-2.0
"""Cases of outputs, compression and `kiln copy`: between registries, layouts, archives, directories and stores."""
import hashlib, io, json, os, shutil, subprocess, tarfile, tempfile, urllib.request

import hostile, registries
from kit import TIMEOUT, check

MANIFESTS = ", ".join([hostile.OCI, hostile.INDEX, "application/vnd.docker.distribution.manifest.v2+json",
                       "application/vnd.docker.distribution.manifest.list.v2+json"])


def fetch(registry, path):
    request = urllib.request.Request(f"http://{registry.name}/v2/{path}", headers={"Accept": MANIFESTS})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def manifest(registry, path, tag):
    """(digest, manifest) of what the registry has; all of its blobs are what they are called."""
    text = fetch(registry, f"{path}/manifests/{tag}")
    found = json.loads(text)
    for blob in [found["config"], *found["layers"]] if "layers" in found else []:
        data = fetch(registry, f"{path}/blobs/{blob['digest']}")
        check(hostile.digest(data) == blob["digest"] and len(data) == blob["size"], f"blob {blob['digest']} is another")
    return hostile.digest(text), found


def kinds(found):
    return [layer["mediaType"].rsplit(".", 1)[-1] for layer in found["layers"]]


class Layout:
    """An OCI image layout in a directory, put together by hand."""

    def __init__(self, path, image=None, index=None):
        self.path, self.image = path, image or hostile.Image(hostile.tar_of(("hello", b"hello\n")))
        os.makedirs(f"{path}/blobs/sha256")
        text = json.dumps(self.image.manifest()).encode()
        for name, data in self.image.blobs.items():
            self.blob(data, name)
        self.manifest = self.blob(text)
        self.entry = {"mediaType": hostile.OCI, "digest": self.manifest, "size": len(text)}
        self.file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        self.file("index.json", json.dumps(index(self) if index else {"schemaVersion": 2, "manifests": [self.entry]}).encode())

    def where(self, digest):
        return f"{self.path}/blobs/sha256/{digest.split(':')[1]}"

    def blob(self, data, name=None):
        name = name or hostile.digest(data)
        self.file(f"blobs/sha256/{name.split(':')[1]}", data)
        return name

    def file(self, name, data):
        with open(f"{self.path}/{name}", "wb") as f:
            f.write(data)


def spoil_layer(layout, change):
    change(layout.where(layout.image.manifest()["layers"][0]["digest"]))


def replace_by(make):
    def change(path):
        os.remove(path)
        make(path)
    return change


def append(path):
    with open(path, "ab") as f:
        f.write(b"x")


def flip(path):
    with open(path, "r+b") as f:
        byte = f.read(1)
        f.seek(0)
        f.write(bytes([byte[0] ^ 1]))


def truncate(path):
    os.truncate(path, os.path.getsize(path) // 2)


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            if isinstance(data, str):
                member.type, member.linkname = tarfile.SYMTYPE, data
                tar.addfile(member)
            else:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


class Cases:
    def case_copy_everywhere(self):
        """Through every transport and back: digests stay, but where the form has to change."""
        registry = registries.Registry(self.work)
        try:
            kiln, other = self.kiln(), self.kiln()
            kiln.make_image(f"{registry.name}/app:1")
            kiln("push", f"{registry.name}/app:1")
            first = f"docker://{registry.name}/app:1"
            digest, found = manifest(registry, "app", "1")
            check(kinds(found) == ["tar+gzip"] * 3, f"layers: {kinds(found)}")
            stations = [first, f"oci:{kiln.work}/layout:one", f"oci-archive:{kiln.work}/a.tar:two", f"dir:{kiln.work}/dir",
                        f"docker://{registry.name}/further/app:2", "store:here/app:3", f"docker://{registry.name}/again:4"]
            for i, (source, target) in enumerate(zip(stations, stations[1:])):
                out = (other if i >= 4 else kiln)("copy", "--preserve-digests", "--digestfile", f"{kiln.work}/digest", source, target)
                check(out == digest + "\n", f"{source} to {target}: {out}")
                with open(f"{kiln.work}/digest", encoding="utf-8") as f:
                    check(f.read() == digest, "--digestfile")
            for path, tag in (("further/app", "2"), ("again", "4")):
                check(manifest(registry, path, tag)[0] == digest, f"{path}:{tag} is another")
            check(other.inspect("here/app:3")["Id"] == kiln.inspect(f"{registry.name}/app:1")["Id"], "the IDs differ")
            # Into docker's archive, and out of it.
            archive = f"docker-archive:{kiln.work}/d.tar:named:5"
            kiln("copy", "--preserve-digests", first, archive, fails="its manifest would have to change, and digests are to be preserved")
            check(not os.path.exists(f"{kiln.work}/d.tar"), "half an archive is left")
            kiln("copy", first, archive)
            loaded = self.kiln()
            check(loaded("load", "-i", f"{kiln.work}/d.tar") == "Loaded image: named:5\n", "load")
            check(loaded.inspect("named:5")["Id"] == found["config"]["digest"], "loaded, another image")
            for source in (archive, f"docker-archive:{kiln.work}/d.tar", f"docker-archive:{kiln.work}/d.tar:@0"):
                kiln("copy", source, f"docker://{registry.name}/archived:1")
                again = manifest(registry, "archived", "1")[1]
                check(again["config"]["digest"] == found["config"]["digest"] and kinds(again) == ["gzip"] * 3, f"{source}: {again}")
            with open(f"{kiln.work}/d.tar", "rb") as f:
                before = f.read()
            kiln("copy", first, f"docker-archive:{kiln.work}/d.tar:other:6", fails="nothing can be added to an archive of docker's")
            with open(f"{kiln.work}/d.tar", "rb") as f:
                check(f.read() == before, "the archive is another")
            # By digest, which has to be that of what goes out.
            kiln("copy", first, f"docker://{registry.name}/digest@{digest}")
            check(manifest(registry, "digest", digest)[0] == digest, "not there by its digest")
            wrong = "sha256:" + "0" * 64
            kiln("copy", first, f"docker://{registry.name}/wrong@{wrong}", fails="the manifest that goes out has the digest " + digest)
            # Standard output and input.
            piped = subprocess.run([kiln.binary, "copy", first, "oci-archive:-"], env=kiln.environment, capture_output=True, timeout=TIMEOUT)
            back = subprocess.run([kiln.binary, "copy", "-q", "oci-archive:-", f"docker://{registry.name}/piped:1"], env=kiln.environment,
                                  input=piped.stdout, capture_output=True, timeout=TIMEOUT)
            check(back.returncode == 0 and manifest(registry, "piped", "1")[0] == digest, f"piped: {piped.stderr}{back.stderr}")
            # A layout keeps its other images.
            kiln("copy", f"docker://{registry.name}/archived:1", f"oci:{kiln.work}/layout:other")
            kiln("copy", f"oci:{kiln.work}/layout:one", f"dir:{kiln.work}/dir2")
            kiln("copy", f"oci:{kiln.work}/layout", f"dir:{kiln.work}/dir3", fails="the layout has several images")
            with open(f"{kiln.work}/layout/index.json", encoding="utf-8") as f:
                check(len(json.load(f)["manifests"]) == 2, "the layout's index")
            for user in (kiln, other, loaded):
                user.check_store()
        finally:
            registry.stop()

    def case_words_of_skopeo_and_podman(self):
        registry = registries.Registry(self.work)
        try:
            kiln, name = self.kiln(), f"{registry.name}/app:1"
            kiln.make_image(name)
            kiln("push", "--digestfile", f"{kiln.work}/digest", "--disable-content-trust", "--remove-signatures", "--retry", "1", name)
            digest = manifest(registry, "app", "1")[0]
            with open(f"{kiln.work}/digest", encoding="utf-8") as f:
                check(f.read() == digest, "--digestfile")
            # Layouts that share their blobs.
            blobs = f"{kiln.work}/shared"
            for layout in ("one", "two"):
                kiln("copy", "--dest-shared-blob-dir", blobs, f"docker://{name}", f"oci:{kiln.work}/{layout}:x")
                check(sorted(os.listdir(f"{kiln.work}/{layout}")) == ["index.json", "oci-layout"], "blobs beside the shared ones")
            check(len(os.listdir(f"{blobs}/sha256")) == 5, f"{os.listdir(f'{blobs}/sha256')}")
            out = kiln("copy", "--src-shared-blob-dir", blobs, f"oci:{kiln.work}/two:x", f"dir:{kiln.work}/dir")
            check(out == digest + "\n", out)
            kiln("copy", f"oci:{kiln.work}/two:x", "store:a", fails="is missing|No such file")
            kiln("copy", "--src-shared-blob-dir", blobs, f"docker://{name}", "store:a", fails="for oci: alone")
            # One of a layout by its place.
            kiln("copy", f"docker://{name}", f"oci:{kiln.work}/several:a")
            kiln("copy", "--dest-decompress", f"docker://{name}", f"oci:{kiln.work}/several:b")
            check(kiln("copy", f"oci:{kiln.work}/several:@0", "store:first") == digest + "\n", "@0")
            check(kiln("copy", f"oci:{kiln.work}/several:@1", "store:second") != digest + "\n", "@1")
            kiln("copy", f"oci:{kiln.work}/several:@2", "store:third", fails="has 2 images")
            kiln("copy", f"docker://{name}", f"oci:{kiln.work}/several:@2", fails="an index can't be chosen")
            # Layers that are plain stay so where that is wanted.
            kiln.make_image("made:1", seed=2)
            for flags, kind in (([], "tar+gzip"), (["--dest-oci-accept-uncompressed-layers"], "tar"),
                                (["--dest-compress-format", "zstd", "--dest-force-compress-format"], "tar+zstd")):
                kiln("copy", *flags, "--image-parallel-copies", "1", "store:made:1", f"oci:{kiln.work}/form:x")
                kiln("copy", f"oci:{kiln.work}/form:x", f"docker://{registry.name}/form:1")
                check(kinds(manifest(registry, "form", "1")[1]) == [kind] * 3, f"{flags}")
            kiln("copy", "--additional-tag", "b:2", "--additional-tag", "c", "--remove-signatures", "--insecure-policy", "--dest-precompute-digests",
                 f"docker://{name}", f"docker-archive:{kiln.work}/named.tar:a:1")
            loaded = self.kiln()
            loaded("load", "-i", f"{kiln.work}/named.tar")
            check(sorted(loaded.inspect("a:1")["RepoTags"]) == ["a:1", "b:2", "c:latest"], "--additional-tag")
            kiln("copy", "--additional-tag", "b:2", f"docker://{name}", "store:b", fails="for docker-archive: alone")
            # podman's words of pull.
            user = self.kiln()
            user("pull", "--policy", "never", name, fails="no such image in the store")
            user("pull", "--policy", "missing", "--disable-content-trust", "--arch", "amd64", "--os", "linux", name)
            user("pull", "--arch", "s390x", name, fails="does not match the specified platform")
            user("pull", "--arch", "arm64", "--platform", "linux/arm64", name, fails="exclude each other")
            user("pull", "--variant", "v7", name, fails="--variant needs --arch")
            user("pull", "--policy", "sometimes", name, fails="one of always, missing")
            registry.stop()
            for policy in ("missing", "never", "newer"):
                user("pull", "--policy", policy, "--retry", "0", name)
            user("pull", "--retry", "0", name, fails="onnect|refused")
            user("pull", "--retry", "2", "--retry-delay", "10ms", name, fails="tried 3 times")
            user("pull", "--retry", "few", name, fails="invalid number of retries")
            user("pull", "--retry-delay", "soon", name, fails="--retry-delay")
        finally:
            registry.stop()

    def case_compressions(self):
        registry = registries.Registry(self.work)
        try:
            kiln = self.kiln()
            name = f"{registry.name}/app"
            kiln.make_image(f"{name}:1", layers=2)
            ids = {kiln.inspect(f"{name}:1")["Id"]}
            sizes = {}
            for flags, wanted in (([], "tar+gzip"), (["--compression", "zstd"], "tar+zstd"), (["--compression", "uncompressed"], "tar"),
                                  (["--compression-format", "gzip", "--compression-level", "9"], "tar+gzip"), (["--compression-level", "1"], "tar+gzip"),
                                  (["--format", "v2s2", "--compression", "gzip"], "gzip")):
                kiln("push", *flags, f"{name}:1")
                digest, found = manifest(registry, "app", "1")
                check(kinds(found) == [wanted] * 2, f"{flags}: {kinds(found)}")
                sizes[tuple(flags)] = found["layers"][0]["size"]
                other = self.kiln()
                check(f"Digest: {digest}" in other("pull", f"{name}:1"), "digest")
                ids.add(other.inspect(f"{name}:1")["Id"])
                other.check_store()
            check(len(ids) == 1, "another image")
            levels = [sizes["--compression-format", "gzip", "--compression-level", "9"], sizes["--compression-level", "1"], sizes[()]]
            check(len(set(levels)) == 3, f"levels without effect: {levels}")
            # What came compressed stays so, unless it is forced.
            kiln("push", "--compression", "gzip", f"{name}:1")
            before = manifest(registry, "app", "1")[0]
            pulled = self.kiln()
            pulled("pull", f"{name}:1")
            pulled("push", "--compression", "zstd", f"{name}:1")
            check(manifest(registry, "app", "1")[0] == before, "compressed again without being forced")
            pulled("push", "--compression", "zstd", "--force-compression", f"{name}:1")
            check(kinds(manifest(registry, "app", "1")[1]) == ["tar+zstd"] * 2, "not forced")
            kiln("copy", "--dest-compress-format", "uncompressed", f"docker://{name}:1", f"docker://{name}:plain")
            check(kinds(manifest(registry, "app", "plain")[1]) == ["tar"] * 2, "not plain")
            kiln("copy", "--format", "v2s2", "--dest-compress-format", "zstd", f"docker://{name}:1", f"docker://{name}:x",
                 fails="docker's manifests have no zstd layers")
            for words, error in ((["--compression", "lzma"], "unsupported compression type lzma"), (["--compression", "estargz"], "is read, but not written"),
                                 (["--compression-level", "10"], "compression-level 10 is above 9"), (["--format", "v2s1"], "schema 1 is no longer written"),
                                 (["--format", "v3"], "unknown manifest format")):
                kiln("push", *words, f"{name}:1", fails=error)
        finally:
            registry.stop()

    def case_compression_is_the_same_for_any_number_of_processors(self):
        registry = registries.Registry(self.work)
        try:
            kiln = self.kiln()
            name = f"{registry.name}/app:1"
            kiln.make_image(name, layers=1, size=9_000_000)
            kiln("push", name)
            one = manifest(registry, "app", "1")[0]
            alone = self.kiln()
            alone("copy", "-q", f"docker://{name}", f"docker-archive:{alone.work}/a.tar:{registry.name}/alone:1")
            alone("load", "-q", "-i", f"{alone.work}/a.tar")
            processor = sorted(os.sched_getaffinity(0))[0]
            done = subprocess.run(["taskset", "-c", str(processor), alone.binary, "push", f"{registry.name}/alone:1"], env=alone.environment,
                                  capture_output=True, text=True, timeout=TIMEOUT)
            check(done.returncode == 0, done.stderr)
            check(manifest(registry, "alone", "1")[1]["layers"] == manifest(registry, "app", "1")[1]["layers"], f"other bytes than {one}")
        finally:
            registry.stop()

    def case_copy_of_an_index(self):
        registry = registries.Registry(self.work)
        try:
            kiln, entries, blobs = self.kiln(), [], {}
            for architecture in ("amd64", "arm64", "s390x"):
                image = hostile.Image(hostile.tar_of(("hello", architecture.encode() * 1000)))
                image.config["architecture"] = architecture
                text = json.dumps(image.manifest()).encode()
                blobs |= image.blobs
                for digest, blob in image.blobs.items():
                    registry.put_blob("many", digest, blob)
                registry.put("PUT", f"many/manifests/{hostile.digest(text)}", text, hostile.OCI)
                entries.append({"mediaType": hostile.OCI, "digest": hostile.digest(text), "size": len(text),
                                "platform": {"os": "linux", "architecture": architecture}})
            index = json.dumps(hostile.index_of(*entries)).encode()
            registry.put("PUT", "many/manifests/1", index, hostile.INDEX)
            stations = [f"docker://{registry.name}/many:1", f"oci:{kiln.work}/layout:all", f"dir:{kiln.work}/dir", f"oci-archive:{kiln.work}/a.tar",
                        f"docker://{registry.name}/other:1"]
            for source, target in zip(stations, stations[1:]):
                check(kiln("copy", "--all", source, target) == hostile.digest(index) + "\n", f"{source} to {target}")
            check(fetch(registry, "other/manifests/1") == index, "another index")
            for entry in entries:
                check(manifest(registry, "other", entry["digest"])[0] == entry["digest"], "another image")
            kiln("copy", "-a", stations[0], f"docker-archive:{kiln.work}/d.tar", fails="holds one image, not an index")
            arm = f"oci:{kiln.work}/arm:1"
            check(kiln("copy", "--override-arch", "arm64", stations[1], arm) == entries[1]["digest"] + "\n", "--override-arch")
            check(kiln("copy", "--platform", "linux/s390x", stations[2], "store:s390:1") == entries[2]["digest"] + "\n", "--platform")
            check(kiln.inspect("s390:1")["Architecture"] == "s390x", "another platform")
            target = f"docker://{registry.name}/other:index"
            check(kiln("copy", "--multi-arch=index-only", stations[1], target) == hostile.digest(index) + "\n", "--multi-arch=index-only")
            check(fetch(registry, "other/manifests/index") == index, "index-only: another index")
            kiln("copy", "--multi-arch=index-only", stations[1], f"oci:{kiln.work}/alone:1")
            check(os.listdir(f"{kiln.work}/alone/blobs/sha256") == [hostile.digest(index).split(":")[1]], "index-only: more than the index")
            check(kiln("copy", "--multi-arch=all", stations[1], target) == hostile.digest(index) + "\n", "--multi-arch=all")
            system = kiln("copy", "--multi-arch=system", "--platform", "linux/arm64", stations[0], arm)
            check(system == entries[1]["digest"] + "\n", "--multi-arch=system")
            kiln("copy", "--multi-arch=some", stations[0], arm, fails="unknown --multi-arch")
            kiln("copy", "--platform", "linux/riscv64", stations[0], arm, fails="no image for linux/riscv64 in its index")
            kiln("copy", "-a", "--dest-compress-format", "gzip", "--format", "v2s2", stations[0], f"docker://{registry.name}/other:2")
            changed = json.loads(fetch(registry, "other/manifests/2"))
            check(changed["mediaType"].endswith("manifest.list.v2+json") and [e["platform"] for e in changed["manifests"]] == [e["platform"] for e in entries],
                  f"v2s2: {changed}")
            check(all(kinds(manifest(registry, "other", e["digest"])[1]) == ["gzip"] for e in changed["manifests"]), "not docker's layers")
        finally:
            registry.stop()

    def case_copy_keeps_what_it_does_not_know(self):
        """Other entries of a layout, and members of manifests and indexes that kiln has no use for."""
        kiln = self.kiln()
        windows = {"os": "windows", "architecture": "amd64", "os.version": "10.0.1", "os.features": ["win32k"]}

        def unknown(layout):
            found = {**layout.image.manifest(), "artifactType": "application/vnd.example.a", "subject": layout.entry}
            text = json.dumps(found).encode()
            entry = {**layout.entry, "digest": layout.blob(text), "size": len(text), "platform": windows, "artifactType": "application/vnd.example.b",
                     "urls": ["https://example.org/x"]}
            index = json.dumps({**hostile.index_of(entry), "artifactType": "application/vnd.example.c", "subject": layout.entry}).encode()
            return {"schemaVersion": 2, "what": "ever", "manifests": [
                {"mediaType": hostile.INDEX, "digest": layout.blob(index), "size": len(index), "artifactType": "application/vnd.example.d", "platform": windows,
                 "annotations": {"org.opencontainers.image.ref.name": "one"}, "what": "ever"},
                {**layout.entry, "digest": "sha512:" + "0" * 128, "annotations": {"org.opencontainers.image.ref.name": "other"}}]}
        layout = Layout(f"{kiln.work}/l", index=unknown)

        def read(name):
            with open(name, encoding="utf-8") as f:
                return json.load(f)
        before = read(f"{layout.path}/index.json")
        kiln("copy", "--all", "--dest-compress-format", "zstd", f"oci:{layout.path}:one", f"oci:{layout.path}:new")
        after = read(f"{layout.path}/index.json")
        check(after["manifests"][:2] == before["manifests"] and after["what"] == "ever" and len(after["manifests"]) == 3, f"{after}")
        index = read(layout.where(after["manifests"][2]["digest"]))
        entry = index["manifests"][0]
        check(index["artifactType"] == "application/vnd.example.c" and index["subject"] == layout.entry, f"{index}")
        check(entry["platform"] == windows and entry["artifactType"] == "application/vnd.example.b" and entry["urls"], f"{entry}")
        found = read(layout.where(entry["digest"]))
        check(kinds(found) == ["tar+zstd"] and found["artifactType"] == "application/vnd.example.a" and found["subject"] == layout.entry, f"{found}")

    def case_outputs_of_builds(self):
        registry = registries.Registry(self.work)
        try:
            kiln = self.kiln()
            context = tempfile.mkdtemp(dir=kiln.work)
            with open(f"{context}/Dockerfile", "w", encoding="utf-8") as f:
                f.write("FROM scratch\nCOPY Dockerfile /\nCOPY Dockerfile /again\n")
            name = f"{registry.name}/out"

            def build(*flags, **more):
                kiln("build", "-q", "--metadata-file", f"{kiln.work}/meta", *flags, context, **more)
                with open(f"{kiln.work}/meta", encoding="utf-8") as f:
                    return json.load(f)
            for flags, wanted in ((["--push", "-t", f"{name}:1"], "tar+gzip"), (["-o", "type=registry", "-t", f"{name}:1"], "tar+gzip"),
                                  (["-o", "type=image,push=true,compression=zstd", "-t", f"{name}:1"], "tar+zstd"),
                                  (["-o", f"type=image,name={name}:1,push=true,compression=uncompressed"], "tar"),
                                  (["-o", f"type=registry,name={name}:1,oci-mediatypes=false"], "gzip"),
                                  (["-o", f'type=registry,"name={name}:1,{name}:2",registry.insecure=true,compression-level=9'], "tar+gzip")):
                meta = build(*flags)
                digest, found = manifest(registry, "out", "1")
                check(kinds(found) == [wanted] * 2, f"{flags}: {kinds(found)}")
                check(meta["containerimage.digest"] == digest == meta["containerimage.descriptor"]["digest"], f"{flags}: metadata {meta}")
                check(meta["containerimage.descriptor"]["mediaType"] == found["mediaType"], f"{flags}: media type")
                check(kiln.inspect(f"{name}:1")["Id"] == meta["containerimage.config.digest"], f"{flags}: not in the store")
                check(f"{name}@{digest}" in kiln.inspect(f"{name}:1")["RepoDigests"], f"{flags}: no RepoDigests")
            check(manifest(registry, "out", "2")[0] == digest and meta["image.name"] == f"{name}:1,{name}:2", "two names")
            meta = build("-o", "type=registry,annotation.where=manifest", "--annotation", "manifest:who=me", "-t", f"{name}:noted")
            check(manifest(registry, "out", "noted")[1]["annotations"] == {"where": "manifest", "who": "me"}, "annotations")
            meta = build("-o", f"type=image,name={registry.name}/by-digest,push=true,push-by-digest=true,store=false")
            digest = meta["containerimage.digest"]
            check(manifest(registry, "by-digest", digest)[0] == digest, "by digest")
            kiln("pull", "-a", f"{registry.name}/by-digest", fails="not found|no tags|unknown")
            meta = build("-o", f"type=image,name={name}:canonical,name-canonical=true,dangling-name-prefix=nobody/here")
            for repository in (name, "nobody/here"):
                check(kiln.inspect(f"{repository}@{meta['containerimage.digest']}")["Id"] == meta["containerimage.config.digest"], repository)
            meta = build("--push", "-t", f"{name}:both", "-o", f"type=oci,dest={kiln.work}/both.tar", "-o", f"{kiln.work}/files")
            check(manifest(registry, "out", "both")[0] == meta["containerimage.digest"] and os.listdir(f"{kiln.work}/files"), "several outputs")
            check(kiln("copy", f"oci-archive:{kiln.work}/both.tar", f"docker://{name}:copied") == meta["containerimage.digest"] + "\n", "one digest")
            registry.stop()
            os.remove(f"{kiln.work}/meta")
            kiln("build", "-q", "--metadata-file", f"{kiln.work}/meta", "--push", "-t", f"{name}:1", context, fails="onnect|refused")
            check(not os.path.exists(f"{kiln.work}/meta"), "metadata of a failure")
            kiln.check_store()
        finally:
            registry.stop()

    def case_flags_of_who_and_where(self):
        registry = registries.Registry(self.work, tls=self.certificate, auth="basic")
        try:
            kiln = self.kiln()
            name, who = f"{registry.name}/a:1", f"{registries.USER}:{registries.PASSWORD}"
            certificates = f"{kiln.work}/certificates"
            os.makedirs(certificates)
            shutil.copy(self.certificate[0], f"{certificates}/ca.crt")
            kiln.make_image(name)
            kiln("push", name, fails="unauthorized")
            kiln("push", "--creds", f"{registries.USER}:wrong", name, fails="unauthorized")
            kiln("push", "--creds", "nobody", name, fails="it has to be USER:PASSWORD")
            kiln("push", "--creds", who, "--tls-verify", name, fails="certificate")
            kiln("push", "--creds", who, "--tls-verify=true", "--cert-dir", certificates, name)
            kiln("push", "--creds", who, "--tls-verify=false", name)
            others = tempfile.mkdtemp(dir=kiln.work)
            shutil.copy(registries.make_certificate(others)[0], f"{others}/ca.crt")
            kiln("push", "--creds", who, "--cert-dir", others, name, fails="certificate")
            kiln("push", "--creds", who, "--tls-verify=false", "--cert-dir", others, name)
            kiln("push", "--tls-verify=perhaps", name, fails="true or false")
            kiln("push", "--cert-dir", f"{kiln.work}/none", name, fails="No such file")
            kiln("pull", name, fails="unauthorized")
            kiln("pull", "--creds", who, name)
            kiln("login", "-u", registries.USER, "-p", registries.PASSWORD, "--authfile", f"{kiln.work}/auth.json", "--cert-dir", certificates, registry.name)
            check(not os.path.exists(f"{kiln.home}/.docker"), "written to the usual file")
            kiln("pull", "--authfile", f"{kiln.work}/auth.json", name)
            kiln("copy", f"docker://{name}", "store:copied", fails="unauthorized")
            kiln("copy", "--src-creds", who, f"docker://{name}", "store:copied")
            kiln("copy", "--src-creds", who, f"docker://{name}", f"docker://{registry.name}/b:1", fails="unauthorized")
            kiln("copy", "--src-authfile", f"{kiln.work}/auth.json", "--dest-creds", who, f"docker://{name}", f"docker://{registry.name}/b:1")
            kiln("copy", "--creds", who, f"docker://{registry.name}/b:1", f"docker://{registry.name}/c:1")
            user, password = ["--src-username", registries.USER], ["--src-password", registries.PASSWORD]
            kiln("copy", *user, *password, f"docker://{name}", "store:copied")
            kiln("copy", *user, f"docker://{name}", "store:copied", fails="have to be given together")
            kiln("copy", "--src-no-creds", "--src-creds", who, f"docker://{name}", "store:copied", fails="exclude each other")
            kiln("copy", "--src-no-creds", "--creds", who, f"docker://{name}", "store:copied", fails="unauthorized")
            context = tempfile.mkdtemp(dir=kiln.work)
            with open(f"{context}/Dockerfile", "w", encoding="utf-8") as f:
                f.write(f"FROM {registry.name}/b:1\nLABEL a=b\n")
            built = f"{registry.name}/built:1"
            kiln("build", "-q", "--pull", context, fails="unauthorized")
            kiln("build", "-q", "--pull", "--creds", who, "--tls-verify=true", context, fails="certificate")
            kiln("build", "-q", "--pull", "--authfile", f"{kiln.work}/auth.json", "--cert-dir", certificates, "--push", "-t", built, context)
            kiln("logout", "--authfile", f"{kiln.work}/auth.json", registry.name)
            kiln("pull", "--authfile", f"{kiln.work}/auth.json", name, fails="unauthorized")
        finally:
            registry.stop()

    def case_copy_errors(self):
        kiln = self.kiln()
        good = Layout(f"{kiln.work}/good")
        for source, target, error in (
                ("busybox", "store:a", "it begins with no transport"), (f"oci:{good.path}", "x:y", "it begins with no transport"),
                ("oci:", "store:a", "no path"), (f"oci:{good.path}:", "store:a", "nothing after the colon"), ("store:", "store:a", "no name"),
                ("store:none", "store:a", "No such image: none"), (f"oci:{kiln.work}/none", "store:a", "No such file"),
                (f"oci:{good.path}:tag", "store:a", "the layout has no image called tag"), (f"oci-archive:{good.path}/index.json", "store:a", "index.json"),
                (f"docker-archive:{kiln.work}/none", "store:a", "No such file"), (f"dir:{good.path}", "store:a", "manifest.json is missing"),
                ("docker://UPPER", "store:a", "invalid reference format"), (f"oci:{good.path}", "store:UPPER", "invalid reference format"),
                (f"oci:{good.path}", f"store:a@{good.manifest}", "a digest can't be chosen"),
                (f"oci:{good.path}", f"docker://localhost/a:1@{good.manifest}", "either a tag or a digest"),
                (f"oci:{good.path}", f"docker-archive:{kiln.work}/x:@1", "an index can't be chosen"),
                (f"oci:{good.path}", f"oci:{good.path}/index.json", "index.json"), (f"oci:{good.path}", f"oci-archive:{kiln.work}/none/x", "No such file"),
                (f"oci:{good.path}", f"oci:{kiln.work}/none/x:y", "none/: no such directory"),
                (f"oci:{good.path}", f"dir:{kiln.work}/none/x/", "none/: no such directory"),
                (f"oci:{good.path}", f"docker-archive:{kiln.work}/x:a@{good.manifest}", "a digest can't be a name"),
                (f"oci:{good.path}", f"dir:{good.path}", "no directory of an image")):
            kiln("copy", source, target, fails=error)
        kiln("copy", "--dest-decompress", "--dest-compress", f"oci:{good.path}", "store:a", fails="exclude each other")
        kiln("copy", "--multi-arch", "some", f"oci:{good.path}", "store:a", fails="unknown --multi-arch")
        kiln("copy", f"oci:{good.path}", fails="requires 2 arguments")
        check(kiln("images", "-q") == "", "an image came of it")
        check(not os.path.exists(f"{kiln.work}/none"), "directories were made")
        # Another image in a directory takes the place of the first, and of nothing else.
        other = Layout(f"{kiln.work}/other", hostile.Image(hostile.tar_of(("other", b"other\n"))))
        os.makedirs(f"{kiln.work}/dir")
        kiln("copy", f"oci:{good.path}", f"dir:{kiln.work}/dir")
        with open(f"{kiln.work}/dir/README", "wb") as f:
            f.write(b"mine")
        kiln("copy", f"oci:{other.path}", f"dir:{kiln.work}/dir")
        wanted = {d.split(":")[1] for d in other.image.blobs} | {"manifest.json", "version", "README"}
        check(set(os.listdir(f"{kiln.work}/dir")) == wanted, f"{os.listdir(f'{kiln.work}/dir')}")
        # A directory that leads elsewhere gets nothing written there.
        outside = f"{kiln.work}/outside"
        for where, error in (("blobs", "not a directory"), ("blobs/sha256", "not a directory")):
            trap = tempfile.mkdtemp(dir=kiln.work)
            os.makedirs(outside, exist_ok=True)
            if "/" in where:
                os.makedirs(f"{trap}/blobs")
            os.symlink(outside, f"{trap}/{where}")
            kiln("copy", f"oci:{good.path}", f"oci:{trap}:x", fails=error)
            check(os.listdir(outside) == [], "written outside")
        trap = tempfile.mkdtemp(dir=kiln.work)
        for name in ("index.json", "oci-layout", "version", "manifest.json"):
            os.symlink(f"{outside}/{name}", f"{trap}/{name}")
        kiln("copy", f"oci:{good.path}", f"oci:{trap}:x")
        os.remove(f"{trap}/version")
        with open(f"{trap}/version", "w", encoding="utf-8") as f:
            f.write("Directory Transport Version: 1.1\n")
        kiln("copy", f"oci:{good.path}", f"dir:{trap}")
        check(os.listdir(outside) == [], "written through a symlink")

    def case_copy_of_wrong_sizes(self):
        """What is there already is not sent, and the manifest that says another size of it is refused."""
        registry = registries.Registry(self.work)
        try:
            kiln = self.kiln()
            layout = Layout(f"{kiln.work}/l")
            kiln("copy", f"oci:{layout.path}", f"docker://{registry.name}/app:1")
            wrong = layout.image.manifest()
            wrong["layers"][0]["size"] += 1
            text = json.dumps(wrong).encode()
            layout.file("index.json", json.dumps({"schemaVersion": 2, "manifests": [{**layout.entry, "digest": layout.blob(text), "size": len(text)}]}).encode())
            kiln("copy", f"oci:{layout.path}", f"docker://{registry.name}/app:2", fails="the registry has .* bytes of blob .*, the manifest says")
            kiln("copy", f"docker://{registry.name}/app:2", "store:x", fails="not found")
        finally:
            registry.stop()

    def case_hostile_layouts_and_archives(self):
        """Every one is refused, says why, and leaves nothing."""
        kiln = self.kiln()
        secret = f"{kiln.work}/secret"
        with open(secret, "wb") as f:
            f.write(b"secret")

        def entry_with(**values):
            return lambda layout: {"schemaVersion": 2, "manifests": [{**layout.entry, **values}]}

        def nested(layout):
            digest, size = layout.manifest, layout.entry["size"]
            for _ in range(5):
                text = json.dumps(hostile.index_of({"mediaType": hostile.INDEX, "digest": digest, "size": size,
                                                    "platform": {"os": "linux", "architecture": "amd64"}})).encode()
                digest, size = layout.blob(text), len(text)
            return {"schemaVersion": 2, "manifests": [{"mediaType": hostile.INDEX, "digest": digest, "size": size}]}

        def claiming(size, config=None):
            """An image whose manifest gives its config another size, and its own."""
            def index(layout):
                found = layout.image.manifest()
                data = hostile.encode(layout.image.config) if config is None else config
                found["config"].update(size=size, digest=layout.blob(data))
                text = json.dumps(found).encode()
                return {"schemaVersion": 2, "manifests": [{**layout.entry, "digest": layout.blob(text), "size": len(text)}]}
            return index
        cases = [
            ("config of no size", None, claiming(0), "is damaged: it is too long"),
            ("config larger than it says", None, claiming(0, b" " * (9 << 20)), "is damaged: it is too long"),
            ("manifest of no size", None, entry_with(size=0), "another size than its index says"),
            ("layer longer", lambda l: spoil_layer(l, append), None, "is damaged: it is too long"),
            ("layer cut", lambda l: spoil_layer(l, truncate), None, "is damaged: it is too short"),
            ("layer changed", lambda l: spoil_layer(l, flip), None, "is damaged: its digest is"),
            ("layer missing", lambda l: spoil_layer(l, os.remove), None, "is missing"),
            ("layer a symlink out", lambda l: spoil_layer(l, replace_by(lambda p: os.symlink(secret, p))), None, "is not a plain file"),
            ("layer a fifo", lambda l: spoil_layer(l, replace_by(os.mkfifo)), None, "is not a plain file"),
            ("layer a directory", lambda l: spoil_layer(l, replace_by(os.mkdir)), None, "is not a plain file"),
            ("config changed", lambda l: flip(l.where(l.image.manifest()["config"]["digest"])), None, "is damaged"),
            ("manifest changed", lambda l: append(l.where(l.manifest)), None, "is damaged|another size"),
            ("manifest missing", lambda l: os.remove(l.where(l.manifest)), None, "is missing"),
            ("manifest a symlink out", lambda l: replace_by(lambda p: os.symlink(secret, p))(l.where(l.manifest)), None, "is not a plain file"),
            ("blobs a symlink out", lambda l: (os.rename(f"{l.path}/blobs", f"{l.path}-blobs"), os.symlink(f"{l.path}-blobs", f"{l.path}/blobs")), None,
             "is missing|symbolic|Not a directory|not a directory|Too many"),
            ("index no JSON", lambda l: l.file("index.json", b"{"), None, "index.json"),
            ("index huge", lambda l: l.file("index.json", b" " * (5 << 20)), None, "index.json"),
            ("index empty", lambda l: l.file("index.json", b'{"schemaVersion":2,"manifests":[]}'), None, "the layout has no image"),
            ("digest no digest", None, entry_with(digest="sha256:../../../../etc/passwd"), "invalid digest"),
            ("digest of another kind", None, entry_with(digest="md5:0"), "invalid digest"),
            ("size wrong", None, entry_with(size=3), "another size than its index says"),
            ("size negative", None, entry_with(size=-3), "negative size"),
            ("indexes in indexes", None, nested, "nest too deeply"),
            ("not a layout", lambda l: os.remove(f"{l.path}/oci-layout"), None, "oci-layout is missing"),
            ("layout of the future", lambda l: l.file("oci-layout", b'{"imageLayoutVersion":"2.0.0"}'), None, "not supported"),
        ]
        for name, spoil, index, error in cases:
            layout = Layout(tempfile.mkdtemp(dir=kiln.work) + "/l", index=index)
            if spoil:
                spoil(layout)
            archive = f"{layout.path}.tar"
            with tarfile.open(archive, "w") as tar:
                tar.add(layout.path, ".")
            for target in ("store:x", f"docker-archive:{kiln.work}/x.tar", f"dir:{kiln.work}/x"):
                kiln("copy", f"oci:{layout.path}", target, fails=error)
            check(not os.path.exists(f"{kiln.work}/x.tar") and not os.path.exists(f"{kiln.work}/x/manifest.json"), f"{name}: left half done")
            if "symlink" not in name and "fifo" not in name and "a directory" not in name:
                kiln("copy", f"oci-archive:{archive}", "store:x", fails=error)
            check(kiln("images", "-q") == "", f"{name}: an image is left")
            kiln.check_store()
        with open(f"{kiln.work}/bomb", "wb") as f:
            f.write(hostile.zstd_bomb(3 << 30))
        for words in (("load", "-i", f"{kiln.work}/bomb"), ("copy", f"oci-archive:{kiln.work}/bomb", "store:x")):
            kiln(*words, fails="unpacks to too much: more than 1073741824 bytes")
            kiln.check_store()
        image = hostile.Image(hostile.tar_of(("hello", b"hello\n")))
        config = json.dumps(image.config).encode()
        layer = hostile.tar_of(("hello", b"hello\n"))

        def listing(**values):
            return json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l.tar"], **values}]).encode()
        for name, members, error in (
                ("no list", [("manifest.json", b"{}")], "lists no image"), ("empty list", [("manifest.json", b"[]")], "lists no image"),
                ("no manifest", [("x", b"")], "manifest.json is missing"),
                ("config outside", [("manifest.json", listing(Config="../../secret")), ("l.tar", layer)], "is missing"),
                ("a member outside", [("manifest.json", listing()), ("../c.json", config), ("l.tar", layer)], "leads outside"),
                ("config by a symlink out", [("manifest.json", listing()), ("c.json", secret), ("l.tar", layer)], "leads outside"),
                ("links in a circle", [("manifest.json", listing()), ("c.json", "c.json"), ("l.tar", layer)], "is missing"),
                ("layer missing", [("manifest.json", listing()), ("c.json", config)], "is missing"),
                ("layer another", [("manifest.json", listing()), ("c.json", config), ("l.tar", hostile.tar_of(("hello", b"other")))], "is damaged"),
                ("layers too many", [("manifest.json", listing(Layers=["l.tar", "l.tar"])), ("c.json", config), ("l.tar", layer)], "2 layers, but the config lists 1"),
                ("another name", [("manifest.json", listing()), ("c.json", config), ("l.tar", layer)], "has no image called b:1")):
            write_tar(f"{kiln.work}/d.tar", members)
            kiln("copy", f"docker-archive:{kiln.work}/d.tar" + (":b:1" if name == "another name" else ""), "store:x", fails=error)
            check(kiln("images", "-q") == "", f"{name}: an image is left")
            kiln.check_store()

    def case_copy_of_an_index_of_the_store(self):
        """One image of it, that of a platform, or all."""
        kiln, context = self.kiln(), tempfile.mkdtemp(dir=self.work)
        with open(f"{context}/Dockerfile", "w", encoding="utf-8") as f:
            f.write("FROM scratch\nCOPY Dockerfile /\n")
        kiln("build", "-q", "--platform", "linux/amd64,linux/arm64", "-t", "two:1", context)

        def platforms(name, *words):
            out = f"{self.work}/{name}.tar"
            kiln("copy", *words, "store:two:1", f"oci-archive:{out}")
            with tarfile.open(out) as tar:
                def read(path):
                    return json.load(tar.extractfile(path))

                def architectures(digest):
                    found = read("blobs/sha256/" + digest[7:])
                    if "manifests" in found:
                        return [a for entry in found["manifests"] for a in architectures(entry["digest"])]
                    return [read("blobs/sha256/" + found["config"]["digest"][7:])["architecture"]]
                return architectures(read("index.json")["manifests"][0]["digest"])
        check(platforms("all", "--all") == ["amd64", "arm64"], "all")
        check(platforms("arm64", "--platform", "linux/arm64") == ["arm64"], "one platform")
        check(len(platforms("one")) == 1, "one")
        kiln("copy", "--platform", "linux/s390x", "store:two:1", f"dir:{self.work}/none", fails="no image for linux/s390x in the store")
        kiln("rmi", "--platform", "linux/arm64", "two:1")
        kiln("copy", "--all", "store:two:1", f"dir:{self.work}/none", fails="some images of its index are not in the store")

    def case_copy_of_an_index_into_the_store(self):
        """With all of its images and attestations, as pull and load have it."""
        kiln = self.kiln()

        def index_of_two(layout):
            entries = []
            for architecture in ("amd64", "s390x"):
                image = hostile.Image(hostile.tar_of(("hello", architecture.encode())))
                image.config["architecture"] = architecture
                entries.append((image, {"platform": {"os": "linux", "architecture": architecture}}))
            statement = hostile.Image(b"{}", b"{}")
            statement.descriptor["mediaType"] = "application/vnd.in-toto+json"
            entries.append((statement, {"platform": {"os": "unknown", "architecture": "unknown"},
                                        "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}))
            listed = []
            for image, more in entries:
                text = json.dumps(image.manifest()).encode()
                for data in image.blobs.values():
                    layout.blob(data)
                listed.append({"mediaType": hostile.OCI, "digest": layout.blob(text), "size": len(text), **more})
            index = hostile.encode(hostile.index_of(*listed))
            nested = hostile.encode(hostile.index_of({"mediaType": hostile.INDEX, "digest": layout.blob(index), "size": len(index)}))
            return {"schemaVersion": 2, "manifests": [
                {"mediaType": hostile.INDEX, "digest": layout.blob(text), "size": len(text), "annotations": {"org.opencontainers.image.ref.name": name}}
                for name, text in (("two", index), ("nested", nested))]}
        layout = Layout(f"{kiln.work}/l", index=index_of_two)
        before = kiln("images", "-aq")
        kiln("copy", "--all", f"oci:{layout.path}:nested", "store:x", fails="no index within an index")
        kiln("copy", "--multi-arch=index-only", f"oci:{layout.path}:two", "store:x", fails="no index without images")
        check(kiln("images", "-aq") == before, "an image is left")
        kiln.check_store()
        digest = kiln("copy", "--all", f"oci:{layout.path}:two", "store:two:1").strip()
        check(kiln.inspect("two:1")["Architecture"] in ("amd64", "s390x"), "no image of it")
        check(kiln("copy", "--platform", "linux/s390x", "store:two:1", "store:one:1") != digest, "one")
        check(kiln.inspect("one:1")["Architecture"] == "s390x", "another platform")
        check(kiln("copy", "--all", "store:two:1", f"oci:{kiln.work}/again:1").strip() == digest, "another index")
        blobs = f"{kiln.work}/again/blobs/sha256"
        check(any(open(f"{blobs}/{name}", "rb").read() == b"{}" for name in os.listdir(blobs)), "no attestation")
        kiln.check_store()
        kiln("rmi", "two:1", "one:1")
        check(kiln("images", "-aq") == "", "an image stays")
        kiln.check_store()

    def case_umoci(self):
        """umoci unpacks kiln's layouts, and kiln reads what umoci made of them."""
        if not shutil.which("umoci"):
            return "umoci is not installed"
        kiln = self.kiln()
        layout, bundle = f"{kiln.work}/layout", f"{kiln.work}/bundle"
        rootless = [] if os.geteuid() == 0 else ["--rootless"]

        def umoci(*words):
            done = subprocess.run(["umoci", *words], env=kiln.environment, capture_output=True, text=True, timeout=TIMEOUT)
            check(done.returncode == 0, f"umoci {' '.join(words)}: {done.stderr}")
            return done.stdout
        kiln.make_image("app:1", layers=3)
        for tag, form in (("gzip", "gzip"), ("plain", "uncompressed")):
            kiln("copy", "--dest-compress-format", form, "store:app:1", f"oci:{layout}:{tag}")
        check(umoci("list", "--layout", layout).split() == ["gzip", "plain"], "umoci sees other tags")
        wanted = kiln.content("app:1")
        for tag in ("gzip", "plain"):
            umoci("unpack", *rootless, "--image", f"{layout}:{tag}", f"{bundle}-{tag}")
            for name, digest in wanted.items():
                with open(f"{bundle}-{tag}/rootfs/{name}", "rb") as f:
                    check(hashlib.sha256(f.read()).hexdigest() == digest, f"umoci unpacks another {name}")
        rootfs = f"{bundle}-gzip/rootfs"
        with open(f"{rootfs}/data/new", "w", encoding="utf-8") as f:
            f.write("of umoci's\n")
        os.symlink("new", f"{rootfs}/data/link")
        os.remove(f"{rootfs}/data/file0")
        umoci("repack", "--image", f"{layout}:more", f"{bundle}-gzip")
        umoci("config", "--image", f"{layout}:more", "--config.cmd", "/data/new", "--config.env", "BY=umoci")
        kiln("copy", f"oci:{layout}:more", "store:more:1")
        shown = kiln.inspect("more:1")
        check(shown["Config"]["Cmd"] == ["/data/new"] and "BY=umoci" in shown["Config"]["Env"] and len(shown["RootFS"]["Layers"]) == 4, f"{shown}")
        files = kiln.content("more:1")
        check(files["data/new"] == hashlib.sha256(b"of umoci's\n").hexdigest() and "data/.wh.file0" in files, f"{files}")
        # A layer that came from elsewhere goes on as it came, into archives too.
        kiln("copy", "store:more:1", f"oci:{kiln.work}/again:more")
        kiln("save", "-o", f"{kiln.work}/more.tar", "more:1")
        other = self.kiln()
        check("more:1" in other("load", "-i", f"{kiln.work}/more.tar"), "load")
        check(other.inspect("more:1")["RootFS"] == shown["RootFS"], "save and load: other layers")
        umoci("unpack", *rootless, "--image", f"{kiln.work}/again:more", f"{bundle}-again")
        check(not os.path.exists(f"{bundle}-again/rootfs/data/file0") and os.readlink(f"{bundle}-again/rootfs/data/link") == "new", "umoci's changes are lost")
        umoci("init", "--layout", f"{kiln.work}/empty")
        umoci("new", "--image", f"{kiln.work}/empty:none")
        kiln("copy", f"oci:{kiln.work}/empty:none", "store:empty:1")
        check(not kiln.inspect("empty:1")["RootFS"].get("Layers"), "an image without layers has some")
        for user in (kiln, other):
            user.check_store()
        return None

    def case_oras(self):
        """oras carries kiln's images between layouts and registries, and what it attaches to one kiln shows."""
        if not shutil.which("oras"):
            return "oras is not installed (Debian has it from release 13 on)"
        registry = registries.Registry(self.work)
        try:
            kiln = self.kiln()

            def oras(*words):
                done = subprocess.run(["oras", *words], env=kiln.environment, cwd=kiln.work, capture_output=True, text=True, timeout=TIMEOUT)
                check(done.returncode == 0, f"oras {' '.join(words)}: {done.stderr}")
                return done.stdout
            name, layout = f"{registry.name}/carried:1", f"{kiln.work}/layout"
            kiln.make_image(name)
            kiln("push", name)
            digest = manifest(registry, "carried", "1")[0]
            oras("cp", "--from-plain-http", name, "--to-oci-layout", f"{layout}:theirs")
            kiln("copy", f"docker://{name}", f"oci:{layout}:ours")
            check(sorted(oras("repo", "tags", "--oci-layout", layout).split()) == ["ours", "theirs"], "oras sees other tags")
            for tag in ("ours", "theirs"):
                check(json.loads(oras("manifest", "fetch", "--oci-layout", "--descriptor", f"{layout}:{tag}"))["digest"] == digest, f"{tag}: another digest")
            check(kiln("copy", f"oci:{layout}:theirs", "store:theirs:1") == digest + "\n", "kiln reads another digest")
            oras("cp", "--from-oci-layout", f"{layout}:ours", "--to-plain-http", f"{registry.name}/back:1")
            other = self.kiln()
            other("pull", f"{registry.name}/back:1")
            check(other.inspect(f"{registry.name}/back:1")["Id"] == kiln.inspect(name)["Id"], "another image")
            check(other.content(f"{registry.name}/back:1") == kiln.content(name), "other files")
            with open(f"{kiln.work}/note.txt", "w", encoding="utf-8") as f:
                f.write("a note\n")
            oras("attach", "--plain-http", "--artifact-type", "application/vnd.example.note", name, "note.txt:text/plain")
            found = json.loads(kiln("inspect", "--referrers", name))[0]["Referrers"]
            check("application/vnd.example.note" in json.dumps(found), f"{found}")
            # What is no image is carried too, and not taken for one.
            oras("push", "--plain-http", f"{registry.name}/artifact:1", "note.txt:text/plain")
            kiln("copy", f"docker://{registry.name}/artifact:1", f"oci:{kiln.work}/artifact:1")
            check("note.txt" in oras("pull", "--oci-layout", f"{kiln.work}/artifact:1", "-o", f"{kiln.work}/out"), "oras can't read kiln's copy")
            with open(f"{kiln.work}/out/note.txt", encoding="utf-8") as f:
                check(f.read() == "a note\n", "another note")
            kiln("pull", f"{registry.name}/artifact:1", fails="not a container image")
        finally:
            registry.stop()
        return None

    def case_skopeo(self):
        """What skopeo writes, kiln reads, and the other way round; digests stay."""
        if not shutil.which("skopeo"):
            return "skopeo is not installed"
        registry = registries.Registry(self.work)
        try:
            kiln = self.kiln()
            policy = f"{kiln.work}/policy.json"
            with open(policy, "w", encoding="utf-8") as f:
                f.write('{"default":[{"type":"insecureAcceptAnything"}]}')

            def skopeo(*words):
                done = subprocess.run(["skopeo", "--policy", policy, *words], env=kiln.environment, capture_output=True, text=True, timeout=TIMEOUT)
                check(done.returncode == 0, f"skopeo {' '.join(words)}: {done.stderr}")
                return done.stdout

            def copy(source, target):
                skopeo("copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", source, target)
            name = f"{registry.name}/app"
            kiln.make_image(f"{name}:1")
            kiln("push", f"{name}:1")
            digest, found = manifest(registry, "app", "1")
            work = kiln.work
            for i, (transport, keeps) in enumerate((("oci:{}/l{}:x", True), ("oci-archive:{}/o{}.tar:x", True), ("dir:{}/d{}", True), ("docker-archive:{}/a{}.tar:x:1", False))):
                ours, theirs = transport.format(work, f"k{i}"), transport.format(work, f"s{i}")
                kiln("copy", f"docker://{name}:1", ours)
                copy(ours, f"docker://{name}:ours{i}")
                copy(f"docker://{name}:1", theirs)
                kiln("copy", theirs, f"docker://{name}:theirs{i}")
                for tag in (f"ours{i}", f"theirs{i}"):
                    again, text = manifest(registry, "app", tag)
                    check(text["config"]["digest"] == found["config"]["digest"], f"{transport} {tag}: another image")
                    check(not keeps or again == digest, f"{transport} {tag}: another digest")
                reader = self.kiln()
                reader("copy", theirs, "store:read:1")
                check(reader.inspect("read:1")["Id"] == found["config"]["digest"], f"{theirs}: another image in the store")
            for flags in (["--compression", "zstd"], ["--compression", "uncompressed"], ["--format", "v2s2"]):
                kiln("push", *flags, f"{name}:1")
                copy(f"docker://{name}:1", f"dir:{work}/form")
                shown = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{name}:1"))
                check(shown["Digest"] == manifest(registry, "app", "1")[0], f"{flags}: skopeo sees another digest")
        finally:
            registry.stop()
        return None
