// SPDX-License-Identifier: Apache-2.0
#include "os/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace kiln::os {
namespace {

constexpr int kBacklog = 16;

/// An address holds 107 bytes; through /proc the folder takes a few of them.
Result<sockaddr_un> address_in(const Fd& folder, const std::string& name) {
  const std::string path = "/proc/self/fd/" + std::to_string(folder.get()) + "/" + name;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return invalid_input("socket name too long: " + name);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<Fd> stream_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return system_error(errno, "create a socket");
  return socket;
}

}  // namespace

Result<Fd> listen_unix(const std::string& folder, const std::string& name) {
  const Fd dir = TRY(open_file(folder, O_PATH | O_DIRECTORY));
  const sockaddr_un address = TRY(address_in(dir, name));
  Fd listener = TRY(stream_socket());
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), kBacklog) != 0)
    return system_error(errno, "listen at", folder + "/" + name);
  return listener;
}

Result<Fd> accept_unix(const Fd& listener) {
  for (;;) {
    Fd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) return connection;
    if (errno == EINVAL) return Error(ErrorKind::cancelled, "the listener was shut down");
    if (errno != EINTR && errno != ECONNABORTED) return system_error(errno, "accept a connection");
  }
}

Result<Fd> connect_unix(const std::string& path) {
  const auto slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const Fd dir = TRY(open_file(folder, O_PATH | O_DIRECTORY));
  const sockaddr_un address = TRY(address_in(dir, name));
  Fd connection = TRY(stream_socket());
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_error(errno, "connect to", path);
  return connection;
}

void shut_down(const Fd& socket) { ::shutdown(socket.get(), SHUT_RDWR); }

}  // namespace kiln::os
