#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A project, and the cache that BuildKit wrote of it: buildkit-cache/, as `--cache-to type=local,mode=max` left it.

    buildkit_cache.py DOCKER…    records it anew, with a docker whose BuildKit writes such caches (containerd's image store, or a builder of buildx)
"""
import base64, os, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
CACHE = f"{HERE}/buildkit-cache"

# A program for amd64 that ends with success: an ELF header, a program header, and exit(0).
TRUE = base64.b64decode("f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAAeABAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAEAAOAABAAAAAAAAAAEAAAAFAAAAAAAAAAAAAAAAAEAAAAAAAAAAQAAAAAAAgQAA"
                        "AAAAAACBAAAAAAAAAAAQAAAAAAAAajxYMf8PBZCQ")
DOCKERFILE = """FROM scratch AS build
ARG V=1
ENV PATH=/opt:$PATH
COPY --chmod=755 true /bin/true
COPY src /src/
RUN --network=none ["/bin/true", "$V", "<&>"]
RUN --network=none --mount=type=tmpfs,target=/t --mount=type=bind,source=src,target=/in --mount=type=cache,target=/c ["/bin/true"]
FROM scratch
WORKDIR /app/
COPY --from=build /src/a.txt /src/sub ./
COPY --from=build /bin/true /bin/
COPY src/*.txt text/
COPY --link --chown=7:8 src/sub /linked/
WORKDIR below
COPY --exclude=*.md src rest
COPY <<END /etc/motd
hello
END
RUN --network=none ["/bin/true"]
USER 5
WORKDIR /app/of5
"""
FILES = {"true": TRUE, "src/a.txt": b"a\n", "src/b.txt": b"b\n", "src/notes.md": b"notes\n", "src/sub/deep": b"deep\n"}
STEPS = 14


def write_context(folder):
    for name, content in FILES.items():
        os.makedirs(os.path.dirname(f"{folder}/{name}"), mode=0o755, exist_ok=True)
        with open(f"{folder}/{name}", "wb") as f:
            f.write(content)
    os.symlink("a.txt", f"{folder}/src/sub/link")
    for parent, folders, names in os.walk(folder):
        for name in folders:
            os.chmod(f"{parent}/{name}", 0o755)
        for name in names:
            if not os.path.islink(f"{parent}/{name}"):
                os.chmod(f"{parent}/{name}", 0o644)
    with open(f"{folder}/Dockerfile", "w", encoding="utf-8") as f:
        f.write(DOCKERFILE)


def record(docker):
    shutil.rmtree(CACHE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        os.mkdir(f"{work}/context")
        write_context(f"{work}/context")
        subprocess.run([*docker, "buildx", "build", "--no-cache", "--cache-to", f"type=local,dest={work}/cache,mode=max", f"{work}/context"], check=True)
        shutil.copytree(f"{work}/cache", CACHE)
    shutil.rmtree(f"{CACHE}/ingest", ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    record(sys.argv[1:])
