# SPDX-License-Identifier: Apache-2.0
"""Random build projects, and random edits of them. All that is random comes from the generator's own seed.

A project is a context directory with a Dockerfile. Its RUN steps are deterministic given their inputs, so with SOURCE_DATE_EPOCH
set two builds of one state must give one image, whatever a cache holds.
"""
import os, random, shutil, stat

WORDS = "alpha beta gamma delta one two three app lib src data conf".split()
OTHER_BASE_NAMES = ["other-one", "other-two"]
TEXTS = ["", "x\n", "hello\n", "hello!\n", "same size a\n", "same size b\n"]


class Project:
    def __init__(self, path, seed):
        self.path, self.random = path, random.Random(seed)
        os.makedirs(path)
        for _ in range(self.random.randint(3, 12)):
            self.add_file()
        for _ in range(self.random.randint(0, 2)):
            self.add_link()
        self.ignore = [] if self.random.random() < 0.5 else [self.ignore_line()]
        self.stages = [self.stage(n) for n in range(self.random.randint(1, 3))]
        self.write_texts()

    # --- the context

    def text(self):
        if self.random.random() < 0.1:
            return self.random.choice("ab") * self.random.randint(1, 400_000)
        return self.random.choice(TEXTS) + self.random.choice(WORDS) * self.random.randint(0, 3)

    def directory(self):
        parts = [self.random.choice(WORDS) for _ in range(self.random.randint(0, 3))]
        at = self.path
        for part in parts:
            below = os.path.join(at, "d-" + part)
            if os.path.islink(below) or (os.path.exists(below) and not os.path.isdir(below)):
                break
            at = below
        os.makedirs(at, exist_ok=True)
        return at

    def entries(self, wanted):
        found = []
        for at, folders, names in os.walk(self.path):
            for name in folders + names:
                path = os.path.join(at, name)
                if name not in ("Dockerfile", ".dockerignore") and wanted(os.lstat(path).st_mode):
                    found.append(path)
        return sorted(found)

    def files(self):
        return self.entries(stat.S_ISREG)

    def add_file(self):
        path = os.path.join(self.directory(), "f-" + self.random.choice(WORDS))
        if os.path.lexists(path):
            return "nothing"
        with open(path, "w") as f:
            f.write(self.text())
        os.chmod(path, self.random.choice([0o644, 0o600, 0o755]))
        return "add " + os.path.relpath(path, self.path)

    def add_link(self):
        path = os.path.join(self.directory(), "l-" + self.random.choice(WORDS))
        if os.path.lexists(path):
            return "nothing"
        files = self.files()
        if files and self.random.random() < 0.4:
            os.link(self.random.choice(files), path)
            return "hard link " + os.path.relpath(path, self.path)
        os.symlink(self.random.choice(["f-one", "../f-two", "/etc/passwd", "nowhere"]), path)
        return "symlink " + os.path.relpath(path, self.path)

    def rewrite(self):
        path = self.random.choice(self.files())
        with open(path, "w") as f:
            f.write(self.text())
        return "rewrite " + os.path.relpath(path, self.path)

    def rewrite_keeping_size_and_time(self):
        """What a cache that trusts size and mtime would miss."""
        path = self.random.choice(self.files())
        before = os.stat(path)
        if not before.st_size:
            return "nothing"
        with open(path, "r+b") as f:
            first = f.read(1)
            f.seek(0)
            f.write(b"Z" if first != b"Z" else b"Y")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return "rewrite in place, time kept, " + os.path.relpath(path, self.path)

    def replace_keeping_size_and_time(self):
        path = self.random.choice(self.files())
        before = os.stat(path)
        with open(path, "rb") as f:
            data = f.read()
        with open(path + ".new", "wb") as f:
            f.write(data[::-1])
        os.chmod(path + ".new", before.st_mode & 0o7777)
        os.utime(path + ".new", ns=(before.st_atime_ns, before.st_mtime_ns))
        os.rename(path + ".new", path)
        return "replace by rename, time kept, " + os.path.relpath(path, self.path)

    def touch(self):
        path = self.random.choice(self.files())
        os.utime(path, (1_600_000_000 + self.random.randint(0, 9999),) * 2)
        return "touch " + os.path.relpath(path, self.path)

    def change_mode(self):
        path = self.random.choice(self.files())
        os.chmod(path, self.random.choice([0o644, 0o600, 0o755, 0o4755]))
        return "chmod " + os.path.relpath(path, self.path)

    def rename(self):
        path = self.random.choice(self.entries(lambda mode: True))
        to = path + self.random.choice(WORDS)
        if not os.path.lexists(to):
            os.rename(path, to)
        return f"rename {os.path.relpath(path, self.path)} to {os.path.basename(to)}"

    def remove(self):
        if len(self.files()) < 3:
            return "nothing"
        path = self.random.choice(self.entries(lambda mode: True))
        if os.path.isdir(path) and not os.path.islink(path):
            if len(self.files()) - sum(f.startswith(path + "/") for f in self.files()) < 2:
                return "nothing"
            shutil.rmtree(path)
        elif not stat.S_ISREG(os.lstat(path).st_mode) or len(self.files()) > 2:
            os.remove(path)
        return "remove " + os.path.relpath(path, self.path)

    # --- the Dockerfile and the ignore file

    def ignore_line(self):
        word = self.random.choice(WORDS)
        return self.random.choice([f"**/f-{word}", f"d-{word}", f"!d-{word}/f-{word}", f"f-{word[0]}*", "**/l-*"])

    def instruction(self, stage):
        r, word = self.random, self.random.choice(WORDS)
        kinds = [
            lambda: f"COPY . /{word}/",
            lambda: f"COPY --chown={r.randint(0, 9)}:{r.randint(0, 9)} . /{word}",
            lambda: f"COPY --chmod={r.choice(['600', '755', 'u=rwX,go=rX'])} . /{word}/",
            lambda: f"COPY f-* /star-{word}/",
            lambda: f"COPY d-*/f-* /below-{word}/",
            lambda: f"ENV {word.upper()}={r.choice(WORDS)}",
            lambda: f"ARG {word.upper()}={r.choice(WORDS)}",
            lambda: f"LABEL {word}={r.choice(WORDS)}",
            lambda: f"WORKDIR /w/{word}",
            lambda: f"RUN echo ${word.upper()} > /run-{word}",
            lambda: f"RUN find / -xdev -path /proc -prune -o -path /sys -prune -o -path /dev -prune -o -type f -name 'f-*' -print | sort | xargs -r sha256sum > /sums-{word}",
            lambda: f"RUN mkdir -p /made/{word} && chmod {r.choice(['700', '755'])} /made/{word} && ln -sf {word} /made/link",
            lambda: "RUN rm -rf /made /star-* && mkdir -p /made",
            lambda: f"RUN cat /run-* > /all-{word} 2>/dev/null; mv /run-{word} /moved-{word} 2>/dev/null; true",
            lambda: f"COPY <<END /here-{word}\n{r.choice(WORDS)} ${word.upper()}\nEND",
            lambda: f"USER {r.choice(['0', '65534', 'bin'])}",
            lambda: f"ADD . /added-{word}/",
        ]
        if stage:
            kinds += [lambda: f"COPY --from={r.randrange(stage)} /etc /from-{word}/"] * 3
            kinds += [lambda: f"COPY --from={r.randrange(stage)} / /tree-{word}/"]
        return r.choice(kinds)()

    def image(self):
        return self.random.choice(["busybox:latest"] * 3 + OTHER_BASE_NAMES)

    def stage(self, number):
        base = self.image() if not number or self.random.random() < 0.7 else f"stage{self.random.randrange(number)}"
        return [f"FROM {base} AS stage{number}"] + [self.instruction(number) for _ in range(self.random.randint(1, 6))]

    def edit_stage(self):
        number = self.random.randrange(len(self.stages))
        lines = self.stages[number]
        what = self.random.choice(["insert", "replace", "remove"])
        at = self.random.randrange(1, len(lines) + 1)
        if what == "insert":
            lines.insert(at, self.instruction(number))
        elif at < len(lines):
            if what == "remove":
                del lines[at]
            else:
                lines[at] = self.instruction(number)
        return f"{what} line {at} of stage {number}"

    def edit_base(self):
        number = self.random.randrange(len(self.stages))
        base = self.image()
        self.stages[number][0] = f"FROM {base} AS stage{number}"
        return f"base of stage {number} is {base}"

    def edit_ignore(self):
        if self.ignore and self.random.random() < 0.5:
            self.ignore.pop(self.random.randrange(len(self.ignore)))
        else:
            self.ignore.append(self.ignore_line())
        return "ignore file: " + " ".join(self.ignore)

    def write_texts(self):
        with open(os.path.join(self.path, "Dockerfile"), "w") as f:
            f.write("\n".join(line for stage in self.stages for line in stage) + "\n")
        with open(os.path.join(self.path, ".dockerignore"), "w") as f:
            f.write("\n".join(["Dockerfile", ".dockerignore", *self.ignore]) + "\n")

    def edit(self):
        """One random change; says what it was."""
        done = self.random.choice([
            self.add_file, self.add_link, self.rewrite, self.rewrite, self.rewrite_keeping_size_and_time,
            self.replace_keeping_size_and_time, self.touch, self.change_mode, self.rename, self.remove,
            self.edit_stage, self.edit_stage, self.edit_base, self.edit_base, self.edit_ignore])()
        self.write_texts()
        return done
