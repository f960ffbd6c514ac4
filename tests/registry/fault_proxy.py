# SPDX-License-Identifier: Apache-2.0
"""A proxy on loopback that treats the bytes between a client and a server badly, by a seeded plan."""
import random, socket, threading, time

REFUSALS = [b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 5\r\nConnection: close\r\n\r\noops\n"]
FAULTS = ["cut", "cut", "cut-up", "delay", "corrupt", "corrupt-up", "repeat", "refuse", "drop"]


def hang_up(*ends):
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class FaultProxy:
    """`rate`: the share of connections that get a fault."""

    def __init__(self, target_port, rate, seed, reach=1 << 20):
        self.target_port, self.rate, self.reach = target_port, rate, reach
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.faults = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.name = f"localhost:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def plan(self):
        with self.lock:
            if self.random.random() >= self.rate:
                return "none", 0
            self.faults += 1
            return self.random.choice(FAULTS), int(self.reach ** self.random.random())

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        fault, after = self.plan()
        try:
            if fault == "drop":
                return client.close()
            if fault == "refuse":
                client.recv(65536)
                client.sendall(self.random.choice(REFUSALS))
                return client.close()
            server = socket.create_connection(("127.0.0.1", self.target_port))
        except OSError:
            return client.close()
        up = threading.Thread(target=self.carry, args=(client, server, fault if fault.endswith("-up") else "none", after), daemon=True)
        up.start()
        self.carry(server, client, "none" if fault.endswith("-up") else fault, after)
        up.join(5)

    def carry(self, source, target, fault, after):
        fault = fault.removesuffix("-up")
        passed = 0
        try:
            while data := source.recv(65536):
                due = fault != "none" and passed + len(data) > after
                # Heads stay as they are: a broken one says nothing of the client.
                body = b"HTTP/1." not in data
                passed += len(data)
                if due and fault == "cut":
                    target.sendall(data[:max(0, len(data) // 2)])
                    break
                if due and fault == "delay":
                    time.sleep(0.5)
                    fault = "none"
                if due and body and fault == "corrupt":
                    at = len(data) // 2
                    data = data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1:]
                    fault = "none"
                if due and body and fault == "repeat":
                    data += data[-100:]
                    fault = "none"
                target.sendall(data)
        except OSError:
            pass
        hang_up(source, target)


class SlowProxy:
    """Passes everything on, from the server at so many bytes a second, of all connections or of each, and counts these."""

    def __init__(self, target_port, rate, of_each=False):
        self.target_port, self.rate, self.of_each = target_port, rate, of_each
        self.passed, self.connections, self.lock = 0, 0, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.name = f"localhost:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.target_port))
            for source, target, down in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.carry, args=(source, target, down), daemon=True).start()

    def carry(self, source, target, down):
        try:
            while data := source.recv(65536):
                if down:
                    with self.lock:
                        self.passed += len(data)
                        if not self.of_each:
                            time.sleep(len(data) / self.rate)
                    if self.of_each:
                        time.sleep(len(data) / self.rate)
                target.sendall(data)
        except OSError:
            pass
        hang_up(source, target)
