# SPDX-License-Identifier: Apache-2.0
"""Results of steps in registries: --cache-to and --cache-from."""
import concurrent.futures, http.server, json, os, re, shutil, socket, subprocess, tempfile, threading, time, urllib.request

import buildkit_cache, registries
from kit import check

HERE = os.path.dirname(os.path.realpath(__file__))
PROJECT = """FROM busybox:latest AS tools
RUN head -c 300000 /dev/urandom > /big && cat /proc/sys/kernel/random/uuid > /stamp
FROM busybox:latest
COPY f /f
COPY --from=tools /stamp /stamp
RUN cat /proc/sys/kernel/random/uuid > /when
"""
STEPS = 5


class Server:
    """Answers every request in one way."""

    def __init__(self, status=200, body=b"", stalls=False):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self):
                if stalls:
                    time.sleep(300)
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer
        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.name = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()


class StepCacheCases:
    def builder(self):
        """A user whose store has busybox, and what builds a Dockerfile there."""
        kiln = self.kiln()
        if not hasattr(self, "busybox"):
            self.busybox = f"{self.work}/busybox.tar"
            subprocess.run([f"{HERE}/../../scripts/make-busybox-base", self.busybox], check=True, capture_output=True)
        # The same image for everybody.
        kiln.environment["SOURCE_DATE_EPOCH"] = "1"
        kiln("import", self.busybox, "busybox:latest")
        del kiln.environment["SOURCE_DATE_EPOCH"]
        context = tempfile.mkdtemp(dir=kiln.work)
        with open(f"{context}/f", "w", encoding="utf-8") as f:
            f.write("content\n")

        def build(dockerfile, *flags):
            with open(f"{context}/Dockerfile", "w", encoding="utf-8") as f:
                f.write(dockerfile)
            done = subprocess.run([kiln.binary, "build", "--network=none", "--progress=plain", "--iidfile", f"{context}.id", *flags, context],
                                  env=kiln.environment, capture_output=True, text=True, timeout=300)
            check(done.returncode == 0, done.stderr)
            with open(f"{context}.id", encoding="utf-8") as f:
                return f.read(), len(re.findall(r"^#\d+ CACHED$", done.stderr, re.M)), re.findall(r"^ - (.*)$", done.stderr, re.M)
        build.kiln = kiln
        return build

    def case_step_cache(self):
        registry = registries.Registry(self.work)
        try:
            cache = f"type=registry,ref={registry.name}/team/cache"
            one, two = self.builder(), self.builder()
            image, _, warnings = one(PROJECT, "--cache-to", cache + ",mode=max")
            check(not warnings, warnings)
            again, cached, warnings = two(PROJECT, "--cache-from", cache)
            check(again == image and cached == STEPS and not warnings, f"{again} {image} {cached} {warnings}")
            layers = len(os.listdir(f"{two.kiln.root}/layers"))
            check(layers == 4, f"{layers} layers: that of a stage that only serves was fetched")
            check(two(PROJECT)[1] < STEPS, "what a cache said counts without it")
            changed, cached, _ = two(PROJECT.replace("COPY f /f", "COPY f /g"), "--cache-from", cache)
            # FROM, the stage's RUN, and the COPY that the change below does not matter to.
            check(changed != image and cached == 3, f"{cached} hits after a change")
            # Many writers of one cache at once.
            def write(number):
                build = self.builder()
                dockerfile = f"FROM busybox:latest\nRUN echo shared > /s && cat /proc/sys/kernel/random/uuid > /t\nRUN echo {number} > /n && cat /proc/sys/kernel/random/uuid >> /n\n"
                return dockerfile, build(dockerfile, "--cache-to", cache, "--cache-from", cache)[0]
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                made = list(pool.map(write, range(8)))
            # What each of them wrote is there for a store that has nothing: also the steps that came out otherwise in each of them.
            for dockerfile, written in made:
                reader = self.builder()
                read, cached, warnings = reader(dockerfile, "--cache-from", cache)
                check(read == written and cached == 3 and not warnings, f"{dockerfile}{cached} hits {warnings}")
            for build in (one, two, reader):
                build.kiln.check_store()
                build.kiln("system", "check")
        finally:
            registry.stop()

    def case_step_cache_in_an_image(self):
        registry = registries.Registry(self.work)
        try:
            for number, (cache_to, after) in enumerate([("type=inline", True), (f"type=registry,ref={registry.name}/bk:c,format=buildkit,mode=max", False)]):
                one, two = self.builder(), self.builder()
                name = f"{registry.name}/app{number}:1"
                image = one(PROJECT, "-t", name, "--cache-to", cache_to)[0]
                if after:
                    one.kiln("push", name)
                    config = json.loads(one.kiln.inspect(name) and urllib.request.urlopen(
                        f"http://{registry.name}/v2/app{number}/blobs/{image}").read())
                    check("moby.buildkit.cache.v0" in config, "nothing inline")
                source = name if after else f"type=registry,ref={registry.name}/bk:c"
                _, cached, warnings = two(PROJECT, "--cache-from", source)
                # In the image there is nothing of the stage that only serves, and nothing of it is needed.
                check(cached == (4 if after else STEPS), f"{cached} hits {warnings}")
                check(not warnings, warnings)
        finally:
            registry.stop()

    def case_step_cache_of_buildkit(self):
        """What BuildKit wrote is taken for the same steps, and for no others."""
        if os.uname().machine != "x86_64":
            return  # its RUN steps are amd64's
        source = f"type=local,src={buildkit_cache.CACHE}"
        build = self.builder()
        context = tempfile.mkdtemp(dir=build.kiln.work)

        def hits(by, edit=lambda: None, dockerfile=buildkit_cache.DOCKERFILE, flags=()):
            shutil.rmtree(context)
            os.mkdir(context, 0o755)
            buildkit_cache.write_context(context)
            edit()
            with open(f"{context}/Dockerfile", "w", encoding="utf-8") as f:
                f.write(dockerfile)
            done = subprocess.run([by.kiln.binary, "build", "--progress=plain", "--cache-from", source, *flags, context],
                                  env=by.kiln.environment, capture_output=True, text=True, timeout=300)
            check(done.returncode == 0 and "warning" not in done.stderr, done.stderr)
            return len(re.findall(r"^#\d+ CACHED$", done.stderr, re.M))

        def write(name, content):
            with open(f"{context}/{name}", "w", encoding="utf-8") as f:
                f.write(content)
        found = hits(build)
        check(found == buildkit_cache.STEPS, f"{found} of {buildkit_cache.STEPS} steps hit")
        # And back: kiln writes the same form, by the names that BuildKit gave.
        written = f"{build.kiln.work}/written"
        found = hits(build, flags=["--cache-to", f"type=local,dest={written},format=buildkit,mode=max"])
        check(found == buildkit_cache.STEPS, f"{found} steps hit again")
        theirs, ours = (self.buildkit_records(folder) for folder in (buildkit_cache.CACHE, written))
        check(theirs <= ours, f"not written: {theirs - ours}")
        # Stores of their own: what another one did is not to be found there. A step that is not hit takes with it what stands on it.
        plain = buildkit_cache.DOCKERFILE
        for what, expected, change in [
                ("a file that COPY takes", 3, {"edit": lambda: write("src/notes.md", "other\n")}),
                ("a mode", 3, {"edit": lambda: os.chmod(f"{context}/src/b.txt", 0o600)}),
                ("an argument", 3, {"dockerfile": plain.replace("ARG V=1", "ARG V=2")}),
                ("a command", 12, {"dockerfile": plain.replace('"/bin/true"]\nUSER', '"/bin/true", "x"]\nUSER')})]:
            fresh = self.builder()
            # One at a time: COPY src writes what the mount of src has, and hits if it comes after that.
            found = hits(fresh, flags=["--jobs=1"], **change)
            check(found == expected, f"{what}: {found} hits, not {expected}")
            fresh.kiln("system", "check")
        build.kiln("system", "check")

    def buildkit_records(self, folder):
        """Digests of the records that have layers, in a cache of BuildKit's form in a directory."""
        def blob(digest):
            with open(f"{folder}/blobs/{digest.replace(':', '/')}", encoding="utf-8") as f:
                return json.load(f)
        with open(f"{folder}/index.json", encoding="utf-8") as f:
            config = blob(blob(json.load(f)["manifests"][0]["digest"])["config"]["digest"])
        return {record["digest"] for record in config["records"] if record.get("layers")}

    def case_step_cache_of_a_bad_server(self):
        """A cache that can't be had costs one warning and little time."""
        nonsense = b'{"schemaVersion":2,"config":{"mediaType":"application/vnd.kiln.cache.steps.v1+json"},"layers":[{"digest":"sha256:../../x"}]}'
        private = registries.Registry(self.work, auth="basic", tls=self.certificate)
        servers = [("nobody", None), ("401", private), ("500", Server(500)), ("429", Server(429)), ("no manifest", Server(200, b"<html>")),
                   ("nonsense", Server(200, nonsense)), ("stalls", Server(stalls=True))]
        for name, server in servers:
            build = self.builder()
            where = server.name if server else f"127.0.0.1:{registries.free_port()}"
            began = time.monotonic()
            _, _, warnings = build(PROJECT, "--cache-from", f"type=registry,ref={where}/cache")
            check(len(warnings) == 1 and "cache import" in warnings[0], f"{name}: {warnings}")
            took = time.monotonic() - began
            check(took < 60, f"{name}: {took:.0f} s")
            _, _, warnings = build(PROJECT, "--cache-to", f"type=registry,ref={where}/cache,mode=max") if name != "stalls" else (0, 0, ["was not exported"])
            check(len(warnings) == 1 and "was not exported" in warnings[0], f"{name}: {warnings}")
            if server:
                server.stop()
