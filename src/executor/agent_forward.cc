// SPDX-License-Identifier: Apache-2.0
#include "executor/agent_forward.h"

#include <array>
#include <atomic>
#include <chrono>
#include <list>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "os/fd.h"
#include "os/file_io.h"
#include "os/process.h"
#include "os/system.h"
#include "os/unix_socket.h"

namespace kiln::executor {
namespace {

// The agent protocol, draft-miller-ssh-agent: a length of four bytes, then a type and what it
// needs.
constexpr std::size_t kLongestMessage = std::size_t{256} << 10;
constexpr std::byte kRequestIdentities{11};
constexpr std::byte kSignRequest{13};
constexpr std::array<std::byte, 5> kFailure = {std::byte{0}, std::byte{0}, std::byte{0},
                                               std::byte{1}, std::byte{5}};
constexpr std::chrono::seconds kAgentDeadline{10};
constexpr std::chrono::milliseconds kAgentStart{5};
constexpr int kAgentTries = 400;

/// False at the end of the stream.
Result<bool> read_exactly(const os::Fd& fd, std::span<std::byte> into) {
  while (!into.empty()) {
    const std::size_t n = TRY(os::read_some(fd, into, "agent socket"));
    if (n == 0) return false;
    into = into.subspan(n);
  }
  return true;
}

/// One message with its length; nullopt at the end of the stream.
Result<std::optional<std::vector<std::byte>>> read_message(const os::Fd& fd) {
  std::vector<std::byte> message(4);
  const bool more = TRY(read_exactly(fd, message));
  if (!more) return std::optional<std::vector<std::byte>>();
  std::size_t length = 0;
  for (const std::byte b : message) length = length << 8 | std::to_integer<std::size_t>(b);
  if (length == 0 || length > kLongestMessage) return corrupt("agent message of a wrong length");
  message.resize(4 + length);
  const bool whole = TRY(read_exactly(fd, std::span(message).subspan(4)));
  if (!whole) return corrupt("agent message cut short");
  return std::optional(std::move(message));
}

/// An ssh-agent of our own, in a folder of its own.
class KeyAgent {
 public:
  static Result<std::unique_ptr<KeyAgent>> start(const std::string& folder, const std::string& name,
                                                 const std::vector<std::string>& key_files) {
    for (const char* program : {"ssh-agent", "ssh-add"}) {
      if (!os::find_program(program))
        return unsupported(std::string(program) + " is not installed: key files need it")
            .with_hint("install the package openssh-client, or forward a running agent's socket");
    }
    os::SpawnOptions options;
    // The socket's path has to be short.
    options.argv = {"ssh-agent", "-D", "-a", name};
    options.cwd = folder;
    options.in = os::Stdio::null();
    options.out = os::Stdio::null();
    options.err = os::Stdio::null();
    options.die_with_parent = true;
    os::Process process = TRY(os::Process::spawn(std::move(options)));
    auto agent = std::make_unique<KeyAgent>(std::move(process), folder + "/" + name);
    TRY(agent->wait_until_there());
    for (const auto& file : key_files) TRY(add_key(folder, name, file));
    return agent;
  }
  KeyAgent(os::Process process, std::string socket)
      : process_(std::move(process)), socket_(std::move(socket)) {}
  const std::string& socket() const { return socket_; }

 private:
  Result<void> wait_until_there() {
    for (int i = 0; i < kAgentTries; ++i) {
      if (os::connect_unix(socket_)) return {};
      const auto ended = TRY(process_.wait_for(kAgentStart));
      if (ended) break;
    }
    return Error(ErrorKind::system, "ssh-agent did not start");
  }

  /// Through standard input: then ssh-add has no opinion on the file's mode.
  static Result<void> add_key(const std::string& folder, const std::string& name,
                              const std::string& file) {
    os::SpawnOptions options;
    options.argv = {"ssh-add", "-q", "-"};
    options.cwd = folder;
    options.env = {"SSH_AUTH_SOCK=" + name, "SSH_ASKPASS_REQUIRE=never",
                   "PATH=" + os::environment("PATH").value_or("/usr/bin:/bin")};
    options.new_session = true;  // without a terminal to ask for a passphrase on
    os::Fd key = TRY(os::open_for_reading(file));
    options.in = os::Stdio::of(std::move(key));
    const os::Captured added = TRY(os::run_capture(std::move(options), kAgentDeadline));
    if (added.status.success()) return {};
    return invalid_input("failed to parse " + file +
                         ": it is no private key, or one that a passphrase protects")
        .with_hint("add it to an agent with ssh-add, and forward the agent's socket");
  }

  os::Process process_;
  std::string socket_;
};

class Forward final : public AgentForward {
 public:
  Forward(os::Fd listener, std::string agent, std::unique_ptr<KeyAgent> own)
      : listener_(std::move(listener)), agent_(std::move(agent)), own_(std::move(own)) {
    acceptor_ = std::jthread([this] { accept_all(); });
  }
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;
  ~Forward() override {
    os::shut_down(listener_);
    acceptor_.join();
    for (Connection& connection : connections_) {
      os::shut_down(connection.client);
      os::shut_down(connection.agent);
    }
    connections_.clear();  // joins their threads
  }

 private:
  struct Connection {
    os::Fd client;
    os::Fd agent;
    std::atomic<bool> done = false;
    std::jthread thread;
  };

  void accept_all() {
    for (;;) {
      auto client = os::accept_unix(listener_);
      if (!client) return;
      auto agent = os::connect_unix(agent_);
      if (!agent) continue;
      std::erase_if(connections_,
                    [](const Connection& connection) { return connection.done.load(); });
      Connection& connection = connections_.emplace_back();
      connection.client = *std::move(client);
      connection.agent = *std::move(agent);
      connection.thread = std::jthread([&connection] {
        (void)serve(connection).ok();
        os::shut_down(connection.client);
        os::shut_down(connection.agent);
        connection.done = true;
      });
    }
  }

  static Result<void> serve(const Connection& connection) {
    for (;;) {
      const auto request = TRY(read_message(connection.client));
      if (!request) return {};
      const std::byte type = (*request)[4];
      if (type != kRequestIdentities && type != kSignRequest) {
        TRY(os::write_all(connection.client, kFailure, "agent client"));
        continue;
      }
      TRY(os::write_all(connection.agent, *request, "agent"));
      const auto answer = TRY(read_message(connection.agent));
      if (!answer) return {};
      TRY(os::write_all(connection.client, *answer, "agent client"));
    }
  }

  os::Fd listener_;
  std::string agent_;
  std::unique_ptr<KeyAgent> own_;
  std::list<Connection> connections_;  // the acceptor's, then the destructor's
  std::jthread acceptor_;
};

}  // namespace

Result<std::unique_ptr<AgentForward>> AgentForward::start(
    const std::string& folder, const std::string& name, const std::string& agent_socket,
    const std::vector<std::string>& key_files) {
  std::unique_ptr<KeyAgent> own;
  std::string agent = agent_socket;
  if (agent.empty()) {
    own = TRY(KeyAgent::start(folder, name + ".keys", key_files));
    agent = own->socket();
  }
  os::Fd listener = TRY(os::listen_unix(folder, name));
  return std::unique_ptr<AgentForward>(
      std::make_unique<Forward>(std::move(listener), std::move(agent), std::move(own)));
}

}  // namespace kiln::executor
