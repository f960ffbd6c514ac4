# SPDX-License-Identifier: Apache-2.0
"""What the timing scripts have in common: stores, projects, the clock."""
import json, os, shutil, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.realpath(__file__))


class Failure(Exception):
    pass


def work_directory():
    """On tmpfs where there is one, so that a disk's noise stays out."""
    shm = "/dev/shm"
    return tempfile.mkdtemp(prefix="kiln-bench-", dir=shm if os.access(shm, os.W_OK) else None)


def remove(path):
    """Files of an ordinary user's store belong to subordinate ids."""
    shutil.rmtree(path, ignore_errors=True)
    if os.path.exists(path):
        subprocess.run(["unshare", "--map-auto", "-r", "rm", "-rf", path], check=False, capture_output=True)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb" if isinstance(data, bytes) else "w") as f:
        f.write(data)


def timed(argv, **more):
    """Seconds that a command takes; what it says, if it fails."""
    began = time.perf_counter()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    took = time.perf_counter() - began
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout.decode(errors='replace')[-600:]}")
    return took


def base_archive(work):
    """The tar of busybox:latest."""
    path = f"{work}/busybox.tar"
    if not os.path.exists(path):
        timed([f"{HERE}/../scripts/make-busybox-base", path])
    return path


class Kiln:
    """One store."""

    def __init__(self, binary, work):
        self.binary, self.work, self.root = os.path.abspath(binary), work, f"{work}/store"
        if not os.access(self.binary, os.X_OK):
            sys.exit(f"no kiln at {binary}: build it, or name it with --kiln")

    def argv(self, *words):
        return [self.binary, "--root", self.root, *words]

    def __call__(self, *words):
        return timed(self.argv(*words))

    def reset(self):
        """Nothing but the base image."""
        remove(self.root)
        self("import", base_archive(self.work), "busybox:latest")

    def build(self, context, *flags):
        return self(*self.build_words(context, *flags))

    @staticmethod
    def build_words(context, *flags):
        return ["build", "-q", "--network=none", *flags, context]


def median(times):
    return statistics.median(times)


def save_json(path, value):
    if path:
        write(os.path.abspath(path), json.dumps(value, indent=1) + "\n")
