# SPDX-License-Identifier: Apache-2.0
"""Users of kiln, for the cases of this suite."""
import hashlib, io, json, os, random, re, shutil, subprocess, tarfile, tempfile

TIMEOUT = 120


def remove(path):
    """Files of an ordinary user's store belong to subordinate ids."""
    shutil.rmtree(path, ignore_errors=True)
    if os.path.exists(path):
        subprocess.run(["unshare", "--map-auto", "-r", "rm", "-rf", path], check=False, capture_output=True)


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


class Kiln:
    """One user with a home and a store."""

    def __init__(self, binary, work):
        self.binary, self.work = binary, work
        self.home, self.root = f"{work}/home", f"{work}/store"
        os.makedirs(self.home, exist_ok=True)
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "LANG": "C.UTF-8", "KILN_ROOT": self.root,
                            "CONTAINERS_REGISTRIES_CONF": f"{self.home}/registries.conf", "TMPDIR": work}

    def start(self, *words, **more):
        return subprocess.Popen([self.binary, *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def __call__(self, *words, fails=None, stdin=None):
        done = subprocess.run([self.binary, *words], env=self.environment, input=stdin, capture_output=True, text=True, timeout=TIMEOUT)
        shown = f"kiln {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        if fails is None:
            check(done.returncode == 0, shown)
        else:
            check(done.returncode != 0, shown + "should have failed")
            check(re.search(fails, done.stderr), shown + f"should say {fails!r}")
        return done.stdout

    def inspect(self, image):
        return json.loads(self("inspect", image))[0]

    def check_store(self):
        """Nothing half-made, and every blob what its name says."""
        blobs = f"{self.root}/blobs/sha256"
        for name in os.listdir(blobs):
            with open(f"{blobs}/{name}", "rb") as f:
                check(hashlib.sha256(f.read()).hexdigest() == name, f"blob {name} is damaged")
        self("images")  # sweeps what a killed one left
        left = [n for n in os.listdir(f"{self.root}/tmp") if not n.endswith(".lock")]
        check(len(left) <= 1, f"left in tmp/: {left}")

    def make_image(self, name, layers=3, size=300_000, seed=1):
        """An image of half compressible layers, built from scratch."""
        context = tempfile.mkdtemp(dir=self.work)
        bytes_of = random.Random(seed)
        lines = ["FROM scratch", "ENV MADE=here"]
        for i in range(layers):
            with open(f"{context}/file{i}", "wb") as f:
                f.write(bytes_of.randbytes(size // 2) + bytes(size // 2))
            lines.append(f"COPY file{i} /data/file{i}")
        with open(f"{context}/Dockerfile", "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        self("build", "-q", "-t", name, context)
        shutil.rmtree(context)

    def content(self, image):
        """name → sha256 of the files in an image's layers, read from what save writes."""
        path = f"{self.work}/saved.tar"
        self("save", "-o", path, image)
        out = {}
        with tarfile.open(path) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))[0]
            for layer in manifest["Layers"]:
                data = archive.extractfile(layer).read()
                check("blobs/sha256/" + hashlib.sha256(data).hexdigest() == layer, f"{layer} in the archive is another blob")
                with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                    for member in tar:
                        if member.isfile():
                            out[member.name] = hashlib.sha256(tar.extractfile(member).read()).hexdigest()
        os.remove(path)
        return out
