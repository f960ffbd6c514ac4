// SPDX-License-Identifier: Apache-2.0
#include "os/fd_receiver.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "os/unix_socket.h"

namespace kiln::os {

Result<FdReceiver> FdReceiver::create(const std::string& folder, const std::string& name) {
  Fd listener = TRY(listen_unix(folder, name));
  return FdReceiver(std::move(listener));
}

Result<Fd> FdReceiver::receive() const {
  const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return system_error(errno, "accept a connection");
  char data[256];
  iovec part{.iov_base = data, .iov_len = sizeof data};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n = 0;
  do {
    n = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return system_error(errno, "receive a descriptor");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int)))
    return corrupt("no descriptor came over the socket");
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return Fd(fd);
}

}  // namespace kiln::os
