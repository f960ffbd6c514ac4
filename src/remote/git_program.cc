// SPDX-License-Identifier: Apache-2.0
#include "remote/git_program.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/strings.h"
#include "base/url.h"
#include "os/file_io.h"
#include "os/process.h"
#include "os/system.h"

namespace kiln::remote {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{64} << 20;
constexpr std::array<const char*, 9> kPassedOn = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
                                                  "ALL_PROXY",  "http_proxy",  "https_proxy",
                                                  "no_proxy",   "all_proxy",   "SSH_AUTH_SOCK"};
constexpr std::array<const char*, 4> kIdentities = {"id_ed25519", "id_ecdsa", "id_ed25519_sk",
                                                    "id_rsa"};
constexpr std::string_view kAgentVariable = "SSH_AUTH_SOCK";
constexpr int kKill = 9;

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// In a user namespace ssh takes its user for root: files of the user are named to it. A host's key
/// is learned at the first connection and has to stay the same.
std::string ssh_command(const GitSettings& settings) {
  const std::string folder = os::environment("HOME").value_or("/nonexistent") + "/.ssh/";
  std::string out =
      "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=" +
      quoted("\"" + settings.known_hosts + "\" \"" + folder + "known_hosts\"");
  if (!settings.ssh.key_files.empty()) {
    out += " -o IdentitiesOnly=yes -o IdentityAgent=none";
    for (const auto& path : settings.ssh.key_files) out += " -i " + quoted(path);
    return out;
  }
  for (const char* name : kIdentities) {
    if (os::path_exists(folder + name)) out += " -i " + quoted(folder + name);
  }
  return out;
}

std::vector<std::string> git_environment(const GitSettings& settings) {
  std::vector<std::string> out = {"PATH=" + os::environment("PATH").value_or("/usr/bin:/bin"),
                                  "LC_ALL=C",
                                  "HOME=/dev/null",
                                  "GIT_CONFIG_NOSYSTEM=1",
                                  "GIT_CONFIG_GLOBAL=/dev/null",
                                  "GIT_TERMINAL_PROMPT=0",
                                  "GIT_SSH_COMMAND=" + ssh_command(settings),
                                  std::string("GIT_ALLOW_PROTOCOL=https:http:ssh:git") +
                                      (settings.may_read_files ? ":file" : ""),
                                  "GIT_LFS_SKIP_SMUDGE=1"};
  for (const char* name : kPassedOn) {
    if (name == kAgentVariable && !settings.ssh.agent_socket.empty()) continue;
    if (const auto value = os::environment(name)) out.push_back(std::string(name) + "=" + *value);
  }
  if (!settings.ssh.agent_socket.empty())
    out.push_back("SSH_AUTH_SOCK=" + settings.ssh.agent_socket);
  // By it git sees whose repositories root may read in place of a user who ran sudo.
  if (const auto uid = os::environment("SUDO_UID")) out.push_back("SUDO_UID=" + *uid);
  std::vector<std::pair<std::string, std::string>> config = {{"core.hooksPath", "/dev/null"},
                                                             {"core.fsmonitor", "false"},
                                                             {"init.defaultBranch", "master"},
                                                             {"init.templateDir", ""},
                                                             {"gc.auto", "0"},
                                                             {"maintenance.auto", "false"},
                                                             {"advice.detachedHead", "false"},
                                                             {"credential.helper", ""},
                                                             {"submodule.fetchJobs", "1"},
                                                             {"transfer.fsckObjects", "false"},
                                                             {"core.protectHFS", "true"},
                                                             {"core.protectNTFS", "false"}};
  config.insert(config.end(), settings.config.begin(), settings.config.end());
  out.push_back(fmt::format("GIT_CONFIG_COUNT={}", config.size()));
  for (std::size_t i = 0; i < config.size(); ++i) {
    out.push_back(fmt::format("GIT_CONFIG_KEY_{}={}", i, config[i].first));
    out.push_back(fmt::format("GIT_CONFIG_VALUE_{}={}", i, config[i].second));
  }
  return out;
}

Result<std::string> read_back(const os::Fd& fd) {
  TRY(os::rewind_file(fd, "output of git"));
  return os::read_all(fd, "output of git", kMaxOutput);
}

}  // namespace

Result<std::string> run_git(const GitSettings& settings, std::vector<std::string> arguments,
                            const std::string& cwd) {
  if (!os::find_program("git"))
    return unsupported("git is not installed").with_hint("git contexts need it: apt install git");
  const std::string out_path = settings.scratch_path + "/git.out";
  const std::string err_path = settings.scratch_path + "/git.err";
  const os::Fd out = TRY(os::create_or_truncate_file(out_path, 0600));
  const os::Fd err = TRY(os::create_or_truncate_file(err_path, 0600));
  os::SpawnOptions options;
  options.argv = std::move(arguments);
  options.argv.insert(options.argv.begin(), "git");
  options.env = git_environment(settings);
  // A repository that the store happens to lie in is none of ours.
  options.env->push_back("GIT_CEILING_DIRECTORIES=" + cwd.substr(0, cwd.find_last_of('/')));
  options.cwd = cwd;
  options.umask = 022;
  options.in = os::Stdio::null();
  os::Fd child_out = TRY(out.duplicate());
  os::Fd child_err = TRY(err.duplicate());
  options.out = os::Stdio::of(std::move(child_out));
  options.err = os::Stdio::of(std::move(child_err));
  options.new_session = true;
  options.die_with_parent = true;
  // git starts helpers that would outlive it.
  options.pid_namespace = os::PidNamespace::own;
  os::Process process = TRY(os::Process::spawn(std::move(options)));
  std::optional<os::ExitStatus> status;
  while (!status) {
    status = TRY(process.wait_for(std::chrono::milliseconds(100)));
    if (status || !settings.stop.stop_requested()) continue;
    TRY(process.kill(kKill));
    return cancelled();
  }
  if (status->success()) return read_back(out);
  const std::string said = TRY(read_back(err));
  Error failed = invalid_input(redact_credentials(
      said.empty() ? fmt::format("git ended with status {}", status->shell_code())
                   : std::string(trim(said))));
  for (const auto& key : settings.ssh.key_files) {
    if (said.find("'" + key + "' are too open") != std::string::npos)
      return std::move(failed).with_hint("ssh takes no key that others may read: chmod 600 " + key);
  }
  return failed;
}

}  // namespace kiln::remote
