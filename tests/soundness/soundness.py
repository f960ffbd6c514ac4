# SPDX-License-Identifier: Apache-2.0
"""What the two long tests have in common."""
import contextlib, os, shutil, subprocess, sys, tarfile, tempfile
from generator import OTHER_BASE_NAMES, WORDS

HERE = os.path.dirname(os.path.realpath(__file__))
EPOCH = "1700000000"
DIRECTORY, LINK, FILE = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.REGTYPE
OTHER_BASES = dict(zip(OTHER_BASE_NAMES, (
    [("w", DIRECTORY, {"mode": 0o700, "uid": 3}), ("made", DIRECTORY, {"mode": 0o711}), ("star-" + WORDS[1], FILE, {}),
     *((word, DIRECTORY, {"gid": 7}) for word in WORDS[::2])],
    [(".", DIRECTORY, {"mode": 0o750}), ("elsewhere", DIRECTORY, {}), ("w", LINK, {"linkname": "elsewhere"}),
     *((prefix + WORDS[0], LINK, {"linkname": "/elsewhere"}) for prefix in ("", "below-", "added-", "tree-", "here-"))])))


class Kiln:
    def __init__(self, binary, root):
        self.binary, self.root = os.path.abspath(binary), root

    def argv(self, *words):
        return [self.binary, "--root", self.root, *words]

    def run(self, *words, timeout=120):
        return subprocess.run(self.argv(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=timeout, env=dict(os.environ, SOURCE_DATE_EPOCH=EPOCH))

    def build_words(self, context, *flags):
        return ["build", "-q", "--network", "none", *flags, context]


def make_base(work):
    """The tar of busybox:latest."""
    tar = os.path.join(work, "busybox.tar")
    made = subprocess.run([os.path.join(HERE, "..", "..", "scripts", "make-busybox-base"), tar], capture_output=True, text=True)
    if made.returncode:
        sys.exit("busybox:latest can't be made: " + made.stderr.strip())
    return tar


def make_bases(work):
    """Tars by the names of their images: busybox:latest, and others on which what generated projects make stands in another way."""
    first = make_base(work)
    tars = {"busybox:latest": first}
    for name, entries in OTHER_BASES.items():
        tars[name] = os.path.join(work, name + ".tar")
        with tarfile.open(first) as source, tarfile.open(tars[name], "w") as tar:
            for member in source:
                tar.addfile(member, source.extractfile(member) if member.isfile() else None)
            for path, kind, rest in entries:
                member = tarfile.TarInfo(path)
                member.type, member.mtime, member.mode = kind, 1_500_000_000, 0o755
                for key, value in rest.items():
                    setattr(member, key, value)
                tar.addfile(member)
    return tars


def new_store(binary, root, bases):
    """With the images of make_bases."""
    kiln = Kiln(binary, root)
    for name, tar in bases.items():
        done = kiln.run("import", tar, name)
        if done.returncode:
            sys.exit("kiln import failed: " + done.stderr.strip())
    return kiln


def remove(path):
    """Files of an ordinary user's store belong to subordinate ids."""
    shutil.rmtree(path, ignore_errors=True)
    if os.path.exists(path):
        subprocess.run(["unshare", "--map-auto", "-r", "rm", "-rf", path], check=True, capture_output=True)


@contextlib.contextmanager
def work_directory():
    """On tmpfs where there is one: these tests make and remove many files."""
    shm = "/dev/shm"
    path = tempfile.mkdtemp(prefix="kiln-soundness-", dir=shm if os.access(shm, os.W_OK) else None)
    try:
        yield path
    finally:
        remove(path)
