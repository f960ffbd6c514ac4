# SPDX-License-Identifier: Apache-2.0
"""What the two long tests have in common."""
import contextlib, os, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
EPOCH = "1700000000"


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


def new_store(binary, root, base):
    kiln = Kiln(binary, root)
    done = kiln.run("import", base, "busybox:latest")
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
