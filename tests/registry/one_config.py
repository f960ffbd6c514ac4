# SPDX-License-Identifier: Apache-2.0
"""Cases of images that share a config and differ in their manifests: annotations, compression, digests."""
import json, os, tempfile

import hostile, registries
from kit import check
from transports import kinds, manifest


def make_variants(kiln, name):
    """gzip:, zstd: and noted: of one config at the registry; their digests."""
    context = tempfile.mkdtemp(dir=kiln.work)
    with open(f"{context}/Dockerfile", "w", encoding="utf-8") as f:
        f.write("FROM scratch\nCOPY Dockerfile /\n")
    out = {}
    for tag, flags in (("gzip", ["--push"]), ("zstd", ["-o", "type=image,push=true,compression=zstd,force-compression=true"]),
                       ("noted", ["--push", "--annotation", "said=this"])):
        kiln("build", "-q", "--metadata-file", f"{kiln.work}/meta", "-t", f"{name}:{tag}", *flags, context)
        with open(f"{kiln.work}/meta", encoding="utf-8") as f:
            out[tag] = json.load(f)["containerimage.digest"]
    check(len(set(out.values())) == 3, f"not three manifests: {out}")
    return out


def layout_digest(path):
    with open(f"{path}/index.json", encoding="utf-8") as f:
        return json.load(f)["manifests"][0]["digest"]


class Cases:
    def case_names_of_one_config_keep_their_manifests(self):
        registry = registries.Registry(self.work)
        try:
            one, two = self.kiln(), self.kiln()
            name = f"{registry.name}/team/app"
            digests = make_variants(one, name)
            one("push", "-q", f"{name}:noted")
            one("push", "-q", f"{name}:gzip")
            check(manifest(registry, "team/app", "noted")[1].get("annotations") == {"said": "this"}, "annotations of a build are lost")
            check("annotations" not in manifest(registry, "team/app", "gzip")[1], "another build's annotations")

            for tag in digests:
                two("pull", "-q", f"{name}:{tag}")
            check(len({two.inspect(f"{name}:{tag}")["Id"] for tag in digests}) == 1, "several configs")
            listed = two("images", "--digests", "--format", "{{.Tag}} {{.Digest}}", name)
            check(sorted(listed.splitlines()) == sorted(f"{tag} {digest}" for tag, digest in digests.items()), listed)
            for tag, digest in digests.items():
                check(two.inspect(f"{name}:{tag}")["RepoDigests"] == [f"{name}@{digest}"], f"RepoDigests of {tag}")
                two("tag", f"{name}:{tag}", f"{registry.name}/team/copy:{tag}")
                check(digest in two("push", f"{registry.name}/team/copy:{tag}"), f"{tag} is pushed as another manifest")
            check(kinds(manifest(registry, "team/copy", "zstd")[1]) == ["tar+zstd"], "zstd")
            two.check_store()
            two("system", "check")

            blobs = f"{two.root}/blobs/sha256"
            compressed = manifest(registry, "team/app", "zstd")[1]["layers"][0]["digest"][7:]
            check(compressed in os.listdir(blobs), "its blob is not kept")
            two("rmi", f"{registry.name}/team/copy:zstd")
            two("rmi", f"{name}:zstd")
            check(digests["zstd"][7:] not in os.listdir(blobs), "a manifest without a name stays")
            check(compressed not in os.listdir(blobs), "a blob of a manifest without a name stays")
            check(digests["gzip"] in two("push", f"{name}:gzip"), "the other one's blob is gone")
            two("system", "check")
        finally:
            registry.stop()

    def case_digests_of_one_config_keep_their_manifests(self):
        registry = registries.Registry(self.work)
        try:
            one, two = self.kiln(), self.kiln()
            name = f"{registry.name}/team/app"
            digests = make_variants(one, name)
            for digest in digests.values():
                two("pull", "-q", f"{name}@{digest}")
            for digest in digests.values():
                two("copy", f"store:{name}@{digest}", f"oci:{two.work}/copied-{digest[7:]}:1")
                check(layout_digest(f"{two.work}/copied-{digest[7:]}") == digest, "copied as another manifest")
                two("save", "-o", f"{two.work}/saved.tar", f"{name}@{digest}")
                two("copy", f"oci-archive:{two.work}/saved.tar", f"oci:{two.work}/saved-{digest[7:]}:1")
                check(layout_digest(f"{two.work}/saved-{digest[7:]}") == digest, "saved as another manifest")
            two("rmi", f"{name}@{digests['gzip']}")
            check(f"{name}@{digests['zstd']}" in str(two.inspect(f"{name}@{digests['zstd']}")["RepoDigests"]), "it went with another")
            two("inspect", f"{name}@{digests['gzip']}", fails="[Nn]o such")
            two("system", "check")
        finally:
            registry.stop()

    def case_sizes_are_compared_with_what_is_there(self):
        registry = registries.Registry(self.work)
        try:
            kiln, good = self.kiln(), hostile.Image()
            sound = good.manifest()
            for digest, blob in good.blobs.items():
                registry.put_blob("app", digest, blob)
            registry.put("PUT", "app/manifests/good", hostile.encode(sound), hostile.OCI)
            name = f"{registry.name}/app"
            kiln("pull", "-q", f"{name}:good")
            for size in (2**63 - 1, 0):
                for part in ("config", "layer"):
                    wrong = json.loads(json.dumps(sound))
                    (wrong["config"] if part == "config" else wrong["layers"][0])["size"] = size
                    registry.put("PUT", "app/manifests/wrong", hostile.encode(wrong), hostile.OCI)
                    kiln("pull", "-q", f"{name}:wrong", fails=f"its descriptor says {size}|larger than|of {size} bytes")
            check(f"{name}:wrong" not in kiln("images", "--format", "{{.Repository}}:{{.Tag}}"), "it has its name")
            kiln("push", "-q", f"{name}:good")
            kiln("save", "-o", f"{kiln.work}/good.tar", f"{name}:good")
        finally:
            registry.stop()

    def case_archives_keep_manifests(self):
        """What is saved, or written as docker's archive, is loaded with its manifest."""
        registry = registries.Registry(self.work)
        try:
            one, two = self.kiln(), self.kiln()
            name = f"{registry.name}/team/app"
            digests = make_variants(one, name)
            for tag in digests:
                one("pull", "-q", f"{name}:{tag}")
            one("save", "-o", f"{one.work}/saved.tar", *(f"{name}:{tag}" for tag in digests))
            two("load", "-i", f"{one.work}/saved.tar")
            for tag, digest in digests.items():
                two("copy", f"store:{name}:{tag}", f"oci:{two.work}/{tag}:1")
                check(layout_digest(f"{two.work}/{tag}") == digest, f"{tag} has another manifest")
        finally:
            registry.stop()

    def case_index_has_the_digest_that_it_got(self):
        registry = registries.Registry(self.work)
        try:
            kiln = self.kiln()
            context = tempfile.mkdtemp(dir=kiln.work)
            with open(f"{context}/Dockerfile", "w", encoding="utf-8") as f:
                f.write("FROM scratch\nCOPY Dockerfile /\n")
            name, identity = f"{registry.name}/many", f"{kiln.work}/id"

            def build(*flags):
                kiln("build", "-q", "--platform", "linux/amd64,linux/arm64", "--iidfile", identity, *flags, context)
                with open(identity, encoding="utf-8") as f:
                    return f.read()
            for tag, flags in (("push", ["--push"]), ("registry", ["-o", "type=registry"])):
                check(build("-t", f"{name}:{tag}", *flags) == manifest(registry, "many", tag)[0], f"{tag}: another digest")
            found = build("-o", f"type=oci,dest={kiln.work}/layout,tar=false")
            check(found == layout_digest(f"{kiln.work}/layout"), "type=oci: another digest")
            build("-o", f"type=image,name={name}:canonical,name-canonical=true,push=true")
            digest = manifest(registry, "many", "canonical")[0]
            check(kiln.inspect(f"{name}:canonical")["RepoDigests"] == [f"{name}@{digest}"], "a digest that is not at the registry")
        finally:
            registry.stop()
