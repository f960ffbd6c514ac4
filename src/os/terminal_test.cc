// SPDX-License-Identifier: Apache-2.0
#include "os/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "os/fd_receiver.h"
#include "os/process.h"
#include "os/relay.h"
#include "os/system.h"

namespace kiln::os {
namespace {

bool is_readable(const Fd& fd) {
  pollfd one{.fd = fd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) == 1;
}

TEST(Terminal, SizeIsSetAndRead) {
  const auto pair = create_terminal({.rows = 10, .columns = 20});
  ASSERT_TRUE(pair.ok()) << pair.error().message();
  EXPECT_TRUE(is_terminal(pair->slave));
  ASSERT_TRUE(set_terminal_size(pair->master, {.rows = 5, .columns = 6}).ok());
  const auto size = terminal_size(pair->slave);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->rows, 5U);
  EXPECT_EQ(size->columns, 6U);
}

TEST(Terminal, SettingsComeBack) {
  const auto pair = create_terminal({.rows = 10, .columns = 20});
  ASSERT_TRUE(pair.ok());
  const auto echoes = [&] {
    termios settings{};
    ::tcgetattr(pair->slave.get(), &settings);
    return (settings.c_lflag & ECHO) != 0;
  };
  EXPECT_TRUE(echoes());
  {
    auto saved = SavedTerminal::save(pair->slave);
    ASSERT_TRUE(saved.ok());
    ASSERT_TRUE(saved->make_raw().ok());
    EXPECT_FALSE(echoes());
  }
  EXPECT_TRUE(echoes());
}

TEST(Terminal, PipesAreNone) {
  const auto pipe = create_pipe();
  EXPECT_FALSE(is_terminal(pipe->read_end));
  EXPECT_FALSE(is_terminal(Fd()));
  EXPECT_FALSE(SavedTerminal::save(pipe->read_end).ok());
}

TEST(WindowChanges, AreToldUntilWatchingEnds) {
  {
    const auto changes = WindowChanges::watch();
    ASSERT_TRUE(changes.ok());
    EXPECT_FALSE(is_readable((*changes)->fd()));
    ::raise(SIGWINCH);
    EXPECT_TRUE(is_readable((*changes)->fd()));
    (*changes)->clear();
    EXPECT_FALSE(is_readable((*changes)->fd()));
  }
  ::raise(SIGWINCH);
  EXPECT_TRUE(WindowChanges::watch().ok());
}

TEST(StopEvent, IsReadableOnceAskedToStop) {
  std::stop_source source;
  const auto event = StopEvent::create(source.get_token());
  ASSERT_TRUE(event.ok());
  EXPECT_FALSE(is_readable((*event)->fd()));
  source.request_stop();
  EXPECT_TRUE(is_readable((*event)->fd()));
  (*event)->clear();
  EXPECT_FALSE(is_readable((*event)->fd()));
  EXPECT_TRUE(is_readable((*StopEvent::create(source.get_token()))->fd()));
}

TEST(Relay, InputIsCopiedWithoutBlockingOnASlowReader) {
  auto input = create_pipe();
  auto child_in = create_pipe();
  auto child_out = create_pipe();
  ASSERT_TRUE(input.ok() && child_in.ok() && child_out.ok());
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", "sleep 0.2; head -c 200000 | wc -c"};
  options.in = Stdio::of(std::move(child_in->read_end));
  options.out = Stdio::of(std::move(child_out->write_end));
  auto process = Process::spawn(std::move(options));
  ASSERT_TRUE(process.ok());
  std::string out;
  Relay relay;
  ASSERT_TRUE(relay
                  .add_source(std::move(child_out->read_end),
                              [&](std::string_view bytes) { out.append(bytes); })
                  .ok());
  ASSERT_TRUE(relay.add_input(input->read_end, child_in->write_end).ok());
  const auto writer = Process::spawn([&] {
    SpawnOptions zeros;
    zeros.argv = {"head", "-c", "200000", "/dev/zero"};
    zeros.out = Stdio::of(std::move(input->write_end));
    return zeros;
  }());
  ASSERT_TRUE(writer.ok());
  const auto ended = relay.run_until_end(*process, Relay::Clock::now() + std::chrono::seconds(20));
  ASSERT_TRUE(ended.ok());
  EXPECT_TRUE(*ended);
  EXPECT_EQ(out, "200000\n");
}

TEST(FdReceiver, TakesADescriptorAtADeepPath) {
  const auto top = std::filesystem::temp_directory_path() / ("kiln-receiver-" + random_id());
  const auto folder = top / std::string(120, 'x');
  std::filesystem::create_directories(folder);
  const auto receiver = FdReceiver::create(folder, "s");
  ASSERT_TRUE(receiver.ok()) << receiver.error().message();

  const auto connect = [&] {
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto dir = open_file(folder, O_RDONLY);
    const std::string path = "/proc/self/fd/" + std::to_string(dir->get()) + "/s";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    return socket;
  };
  connect();
  EXPECT_EQ(receiver->receive().error().kind(), ErrorKind::corrupt);

  const Fd socket = connect();
  auto pipe = create_pipe();
  ASSERT_TRUE(pipe.ok());
  char byte = 'x';
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = pipe->write_end.get();
  std::copy_n(reinterpret_cast<const unsigned char*>(&fd), sizeof fd, CMSG_DATA(header));
  ASSERT_EQ(::sendmsg(socket.get(), &message, 0), 1);
  auto received = receiver->receive();
  ASSERT_TRUE(received.ok()) << received.error().message();
  pipe->write_end.reset();
  ASSERT_TRUE(write_all(*received, "through", "pipe").ok());
  received->reset();
  EXPECT_EQ(*read_all(pipe->read_end, "pipe", 100), "through");
  std::filesystem::remove_all(top);
}

}  // namespace
}  // namespace kiln::os
