# SPDX-License-Identifier: Apache-2.0
"""What `record` and `run` share: preparing a case, reading an image archive, and comparing images."""
import dataclasses, gzip, hashlib, json, os, platform, posixpath, re, shlex, shutil, stat, subprocess, sys, tarfile, tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import web_server
CONFIG_FIELDS = ("Env", "Cmd", "Entrypoint", "User", "WorkingDir", "ExposedPorts", "Volumes", "Labels", "Healthcheck",
                 "OnBuild", "StopSignal", "Shell")
NOT_CONTEXT = ("args", "setup", "from", "expected.json")
SKIPPED = 77  # what a `setup` exits with when this machine lacks something it needs
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}.get(platform.machine(), platform.machine())


class Skip(Exception):
    """This case can't be had here; the message is the reason."""


class BadImage(Exception):
    """An archive that is not a sound image."""


# --- cases -----------------------------------------------------------------------------------------------------------

def case_names():
    return sorted(n for n in os.listdir(HERE) if os.path.exists(os.path.join(HERE, n, "Dockerfile")))


def copy_plain(source, target):
    """A copy with the only modes that git keeps, whatever umask the clone was made with."""
    os.makedirs(target, mode=0o755, exist_ok=True)
    os.chmod(target, 0o755)
    for entry in os.scandir(source):
        to = os.path.join(target, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), to)
        elif entry.is_dir():
            copy_plain(entry.path, to)
        else:
            shutil.copyfile(entry.path, to)
            os.chmod(to, 0o755 if entry.stat().st_mode & stat.S_IXUSR else 0o644)


@dataclasses.dataclass
class Case:
    name: str
    context: str
    flags: list
    bases: list
    target: str              # what stands for the context on the command line
    stdin: str = os.devnull  # the file that is standard input
    server: web_server.WebServer = None

    def close(self):
        if self.server:
            self.server.__exit__()
        remove_tree(os.path.dirname(self.context))


def prepare(name, work):
    """Copies a case to a directory of its own below `work` and runs its `setup` there."""
    source, context = os.path.join(HERE, name), os.path.join(work, name, "context")
    copy_plain(source, context)
    setup = os.path.join(work, name, "setup")
    served, stdin = os.path.join(work, name, "served"), os.path.join(work, name, "stdin")
    flags, target, server = [], context, None
    if os.path.isdir(os.path.join(context, "served")):
        os.rename(os.path.join(context, "served"), served)
        server = web_server.WebServer(served).__enter__()

    def filled(text):
        return text.replace("{ctx}", context).replace("{server}", server.address if server else "")
    for special in NOT_CONTEXT:
        path = os.path.join(context, special)
        if not os.path.lexists(path):
            continue
        if special == "setup":
            os.rename(path, setup)
            continue
        if special == "args":
            with open(path) as f:
                flags = [filled(w) for line in f for w in shlex.split(line)]
        if special == "from":
            with open(path) as f:
                target = filled(f.read().strip())
        os.remove(path)
    if os.path.exists(setup):
        env = dict(os.environ, SUPPORT=os.path.join(HERE, "..", "support"), SERVED=served, STDIN=stdin, SERVER=server.address if server else "")
        made = subprocess.run(["sh", "-c", 'umask 022; exec sh -eu "$0"', setup], cwd=context, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace", timeout=60)
        if made.returncode == SKIPPED:
            raise Skip(made.stdout.strip() or "its setup can't run here")
        if made.returncode:
            raise Skip(f"its setup failed: {made.stdout.strip()}")
    dockerfile = os.path.join(context, "Dockerfile")
    if "-f" not in flags and target == context:
        flags = ["-f", dockerfile] + flags
    with open(os.path.join(source, "Dockerfile"), errors="replace") as f:
        words = re.findall(r"(?mi)^\s*FROM\s+(?:--\S+\s+)*(\S+)", f.read())
    bases = [b for b in ("busybox:latest", "debian:bookworm") if b in words or b.split(":")[0] in words]
    return Case(name, context, flags, bases or ["busybox:latest"], target, stdin if os.path.exists(stdin) else os.devnull, server)


def remove_tree(path):
    """Removes a tree that may hold directories without permissions."""
    if os.geteuid():
        for root, dirs, _ in os.walk(path):
            for d in dirs:
                p = os.path.join(root, d)
                try:
                    if not os.path.islink(p):
                        os.chmod(p, 0o700)
                except PermissionError:
                    pass
    shutil.rmtree(path, ignore_errors=True)
    if os.path.exists(path) and os.geteuid():  # a rootless store: its files belong to subordinate ids
        subprocess.run(["unshare", "--map-auto", "-r", "rm", "-rf", path], stderr=subprocess.DEVNULL)


# --- image archives --------------------------------------------------------------------------------------------------

KINDS = {tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "symlink",
         tarfile.LNKTYPE: "hardlink", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}
XATTR = "SCHILY.xattr."


def digest_of(stream):
    h = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        h.update(chunk)
    return h.hexdigest()


def uncompressed(stream):
    """A seekable, uncompressed copy of a layer."""
    magic = stream.read(4)
    stream.seek(0)
    out = tempfile.TemporaryFile()
    if magic == b"\x28\xb5\x2f\xfd":
        packed = tempfile.TemporaryFile()
        shutil.copyfileobj(stream, packed)
        packed.seek(0)
        subprocess.run(["zstd", "-dc"], stdin=packed, stdout=out, check=True)
    else:
        shutil.copyfileobj(gzip.GzipFile(fileobj=stream) if magic[:2] == b"\x1f\x8b" else stream, out)
    out.seek(0)
    return out


def content_of(member, stream):
    """Short texts as they are, so that a difference can be read; the digest of anything else."""
    if member.size <= 300:
        data = stream.read()
        try:
            return {"text": data.decode()}
        except UnicodeDecodeError:
            return {"size": member.size, "sha256": hashlib.sha256(data).hexdigest()}
    return {"size": member.size, "sha256": digest_of(stream)}


def image_path(name):
    return posixpath.normpath("/" + name.lstrip("/"))


def layer_entries(stream):
    """(path, entry) of each member, in the archive's order; an entry has no times."""
    result = []
    with tarfile.open(fileobj=stream) as tar:
        for m in tar:
            entry = {"type": KINDS.get(m.type, repr(m.type)), "mode": m.mode & 0o7777, "uid": m.uid, "gid": m.gid}
            if entry["type"] == "file":
                entry.update(content_of(m, tar.extractfile(m)))
            elif entry["type"] == "symlink":
                entry["link"] = m.linkname
            elif entry["type"] == "hardlink":
                entry["to"] = image_path(m.linkname)
            elif entry["type"] in ("char", "block"):
                entry["dev"] = f"{m.devmajor}:{m.devminor}"
            xattrs = {k[len(XATTR):]: v.encode("utf-8", "surrogateescape").hex()
                      for k, v in sorted(m.pax_headers.items()) if k.startswith(XATTR)}
            if xattrs:
                entry["xattrs"] = xattrs
            result.append((image_path(m.name), entry))
    return result


def remove_path(root, path, with_itself=True):
    below = path.rstrip("/") + "/"
    for p in [p for p in root if p.startswith(below)]:
        del root[p]
    if with_itself:
        root.pop(path, None)


def apply_layer(root, entries):
    """Applies a layer to a merged file system; returns the paths that it changes.

    A directory that is listed only as the parent of something, the same as it was, changes nothing. Hard links of
    one file share one entry, so identity tells which names belong together.
    """
    changed = []
    for path, entry in entries:
        folder, name = posixpath.split(path)
        if name == ".wh..wh..opq":
            remove_path(root, folder, with_itself=False)
        elif name.startswith(".wh."):
            remove_path(root, posixpath.join(folder, name[len(".wh."):]))
    for path, entry in entries:
        if posixpath.basename(path).startswith(".wh."):
            changed.append(path)
            continue
        before = root.get(path)
        if path == "/" or (entry["type"] == "dir" and before == entry):
            continue
        changed.append(path)
        if before and (before["type"] == "dir") != (entry["type"] == "dir"):
            remove_path(root, path)
        if entry["type"] == "hardlink":
            if entry["to"] not in root:
                raise BadImage(f"hard link {path} leads to {entry['to']}, which is not there")
            entry = root[entry["to"]]
        root[path] = entry
    return sorted(set(changed))


@dataclasses.dataclass
class Image:
    config: dict
    layers: list    # of (path, entry) lists
    diff_ids: list
    history: list   # of (instruction, made a layer)


def instruction_of(created_by):
    words = re.sub(r"^/bin/sh -c #\(nop\)\s*", "", created_by or "").split()
    if not words:
        return "base"
    return "RUN" if words[0] in ("/bin/sh", "RUN") or words[0].startswith("|") else words[0]


def image_of(document, layers):
    rootfs = document.get("rootfs") or {}
    history = [(instruction_of(h.get("created_by")), not h.get("empty_layer")) for h in document.get("history") or []]
    return Image(document, layers, rootfs.get("diff_ids") or [], history)


def read_image(path):
    """Reads an archive in docker's or OCI's form, and checks every digest in it."""
    with tarfile.open(path) as tar:
        members = {m.name.removeprefix("./"): m for m in tar.getmembers()}

        def member(name):
            if name not in members:
                raise BadImage(f"{name} is not in the archive")
            m = members[name]
            while m.issym() or m.islnk():
                to = posixpath.normpath(posixpath.join(posixpath.dirname(m.name), m.linkname)) if m.issym() else m.linkname
                m = members[to]
            return tar.extractfile(m)

        def blob(digest):
            name = "blobs/" + digest.replace(":", "/")
            if digest != "sha256:" + digest_of(member(name)):
                raise BadImage(f"blob {digest} does not have that digest")
            return member(name)

        if "manifest.json" in members:
            manifest = json.load(member("manifest.json"))[0]
            document, streams = json.load(member(manifest["Config"])), [member(n) for n in manifest["Layers"]]
        else:
            manifest = json.load(member("index.json"))
            while "manifests" in manifest:
                manifest = json.load(blob(manifest["manifests"][0]["digest"]))
            document, streams = json.load(blob(manifest["config"]["digest"])), [blob(l["digest"]) for l in manifest["layers"]]
        diff_ids = (document.get("rootfs") or {}).get("diff_ids") or []
        if len(diff_ids) != len(streams):
            raise BadImage(f"{len(streams)} layers, but {len(diff_ids)} diff IDs")
        layers = []
        for diff_id, packed in zip(diff_ids, streams):
            stream = uncompressed(packed)
            if diff_id != "sha256:" + digest_of(stream):
                raise BadImage(f"a layer does not have its diff ID {diff_id}")
            stream.seek(0)
            layers.append(layer_entries(stream))
        return image_of(document, layers)


# --- what is recorded ------------------------------------------------------------------------------------------------

def written(entry, path, first_names):
    """An entry as it stands in expected.json: defaults are left out, the mode is octal."""
    out = {"type": entry["type"]}
    default = {"dir": 0o755, "file": 0o644, "symlink": 0o777}.get(entry["type"])
    if entry["mode"] != default:
        out["mode"] = f"{entry['mode']:o}"
    out.update({k: entry[k] for k in ("uid", "gid") if entry[k]})
    out.update({k: entry[k] for k in ("text", "size", "sha256", "link", "dev", "xattrs") if k in entry})
    if first_names.get(id(entry), path) != path:
        out["hardlink"] = first_names[id(entry)]
    return out


def summarize(image, bases):
    """An image as expected.json has it: what it adds to the base image that it starts from, if any."""
    base = next((b for b in bases if b.diff_ids and image.diff_ids[:len(b.diff_ids)] == b.diff_ids), None)
    below, skip, told = {}, 0, 0
    if base:
        skip, told = len(base.diff_ids), len(base.history)
        for entries in image.layers[:skip]:
            apply_layer(below, entries)
    root = dict(below)
    layers = [apply_layer(root, entries) for entries in image.layers[skip:]]
    first_names = {}
    for path in sorted(root):
        first_names.setdefault(id(root[path]), path)
    config = image.config.get("config") or {}
    out = {"config": {k: config[k] for k in CONFIG_FIELDS if config.get(k)}}
    architecture = image.config.get("architecture", "")
    out["platform"] = f"{image.config.get('os', '')}/{'native' if architecture == ARCHITECTURE else architecture}"
    out["history"] = [f"{word}{'' if made else ' (empty)'}" for word, made in image.history[told:]]
    out["layers"] = layers
    out["deleted"] = sorted(p for p in below if p not in root and posixpath.dirname(p) not in below.keys() - root.keys())
    out["rootfs"] = {p: written(e, p, first_names) for p, e in sorted(root.items()) if below.get(p) is not e and below.get(p) != e}
    return out


def dump_expected(expected, path):
    """Compact JSON with one line for each path, so that a difference shows as a line."""
    def one(value):
        return json.dumps(value, sort_keys=True)
    with open(path, "w") as f:
        f.write("{")
        separator = "\n"
        for key, value in expected.items():
            f.write(f"{separator} {one(key)}: ")
            separator = ",\n"
            if key == "rootfs" and value:
                f.write("{\n" + ",\n".join(f"  {one(p)}: {one(e)}" for p, e in value.items()) + "\n }")
            elif key == "layers" and value:
                f.write("[\n" + ",\n".join(f"  {one(layer)}" for layer in value) + "\n ]")
            else:
                f.write(one(value))
        f.write("\n}\n")


def differences(expected, got):
    """What differs, a line each, empty if nothing does."""
    out = []
    for key in sorted(expected["config"].keys() | got["config"].keys()):
        a, b = expected["config"].get(key), got["config"].get(key)
        if a != b:
            out.append(f"config {key}: expected {json.dumps(a)}, got {json.dumps(b)}")
    for key in ("platform", "history", "deleted"):
        if expected[key] != got[key]:
            out.append(f"{key}: expected {json.dumps(expected[key])}, got {json.dumps(got[key])}")
    for path in sorted(expected["rootfs"].keys() | got["rootfs"].keys()):
        a, b = expected["rootfs"].get(path), got["rootfs"].get(path)
        if a is None or b is None:
            out.append(f"rootfs {path}: {'not expected' if a is None else 'missing'}")
        elif a != b:
            fields = [k for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k)]
            out.append(f"rootfs {path}: " + ", ".join(f"{k} expected {a.get(k)!r}, got {b.get(k)!r}" for k in fields))
    if len(expected["layers"]) != len(got["layers"]):
        out.append(f"layers: expected {len(expected['layers'])}, got {len(got['layers'])}")
    else:
        for i, (a, b) in enumerate(zip(expected["layers"], got["layers"])):
            out += [f"layer {i} {p}: {'missing' if p in a else 'not expected'}" for p in sorted(set(a) ^ set(b))]
    return out
