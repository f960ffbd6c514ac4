// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/registry_session.h"
#include "os/fd.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "os/terminal.h"

namespace kiln::cli {
namespace {

constexpr std::string_view kDockerHub = "docker.io";

/// What credentials are for.
struct LoginPlace {
  std::string domain;
  std::string path = {};  ///< of a folder or repository there; empty for all
  std::string key() const { return path.empty() ? domain : domain + "/" + path; }
};

/// What a user types: a host, or a URL of it. A path counts in podman's files, docker's have an
/// entry for each host alone.
LoginPlace place_of(const FlagSet::Parsed& parsed, const RegistryFlags& registry) {
  std::string_view text =
      parsed.arguments.empty() ? kDockerHub : std::string_view(parsed.arguments[0]);
  bool is_url = false;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    is_url = true;
  }
  const auto [domain, path] = split_once(text, '/');
  if (domain.empty() || domain == "index.docker.io" || domain == "registry-1.docker.io")
    return {std::string(kDockerHub)};
  LoginPlace out{std::string(domain)};
  if (is_url || !has_podman_file(registry)) return out;
  out.path = path.value_or("");
  while (out.path.ends_with('/')) out.path.pop_back();
  return out;
}

/// One line of a terminal; not shown while it is typed.
Result<std::string> read_secret(const os::Fd& terminal) {
  auto saved = TRY(os::SavedTerminal::save(terminal));
  TRY(saved.make_raw());
  std::string out;
  while (true) {
    std::byte byte{};
    const std::size_t count = TRY(os::read_some(terminal, {&byte, 1}, "terminal"));
    const char c = static_cast<char>(byte);
    if (count == 0 || c == '\r' || c == '\n' || c == '\x04') return out;
    if (c == '\x03') return cancelled();
    if (c == '\x7f' || c == '\b') {
      if (!out.empty()) out.pop_back();
    } else {
      out += c;
    }
  }
}

Result<std::string> read_line(const os::Fd& fd) {
  std::string out;
  while (true) {
    std::byte byte{};
    const std::size_t count = TRY(os::read_some(fd, {&byte, 1}, "standard input"));
    if (count == 0 || static_cast<char>(byte) == '\n') return std::string(trim(out));
    out += static_cast<char>(byte);
  }
}

/// What was not given as a flag.
Result<void> ask_for_missing(registry::Credentials& credentials, bool password_from_input) {
  const os::Fd in = TRY(os::standard_input());
  if (password_from_input) {
    if (credentials.username.empty()) {
      return invalid_input("Must provide --username with --password-stdin");
    }
    credentials.password = TRY(os::read_all(in, "standard input", std::size_t{64} << 10));
    while (credentials.password.ends_with('\n') || credentials.password.ends_with('\r')) {
      credentials.password.pop_back();
    }
    if (trim(credentials.password).empty()) return invalid_input("password is empty");
    return {};
  }
  if (!credentials.username.empty() && !credentials.password.empty()) return {};
  if (!os::is_terminal(in)) {
    return invalid_input("Cannot perform an interactive login from a non TTY device")
        .with_hint("use --username and --password-stdin");
  }
  if (credentials.username.empty()) {
    TRY(print("Username: "));
    credentials.username = TRY(read_line(in));
    if (credentials.username.empty()) return invalid_input("username is required");
  }
  if (credentials.password.empty()) {
    TRY(print("Password: "));
    credentials.password = TRY(read_secret(in));
    TRY(print("\n"));
    if (credentials.password.empty()) return invalid_input("password is required");
  }
  return {};
}

/// A login with what is stored already; false if there is nothing, or it is refused and somebody is
/// there to be asked.
Result<bool> log_in_again(registry::Registries& registries, const LoginPlace& place,
                          const std::stop_token& stop) {
  const registry::CredentialStore& store = registries.options().credentials;
  const auto known = TRY(store.find(place.domain, place.path));
  if (!known || known->username.empty() || known->password.empty()) return false;
  print_error(
      fmt::format("Authenticating with existing credentials... [Username: {}]\n", known->username));
  const auto accepted = registries.log_in(place.domain, *known, stop);
  if (!accepted) {
    const os::Fd in = TRY(os::standard_input());
    if (!os::is_terminal(in)) return Error(accepted.error());
    print_error("Login did not succeed, error: " + accepted.error().message());
    return false;
  }
  // An identity token in place of the password.
  if (*accepted != *known) TRY(store.store(place.key(), *accepted));
  return true;
}

Result<void> log_in_anew(registry::Registries& registries, const LoginPlace& place,
                         registry::Credentials credentials, bool from_input,
                         const std::stop_token& stop) {
  TRY(ask_for_missing(credentials, from_input));
  const auto accepted = TRY(registries.log_in(place.domain, credentials, stop));
  const auto stored = TRY(registries.options().credentials.store(place.key(), accepted));
  if (stored.helper.empty()) {
    print_error(
        fmt::format("\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure "
                    "a credential helper to remove this warning.\n",
                    stored.file));
  }
  return {};
}

}  // namespace

Result<int> login_command(const Session& session, std::vector<std::string> words) {
  registry::Credentials credentials;
  bool from_input = false;
  RegistryFlags registry;
  FlagSet set(session.command, "[OPTIONS] [SERVER]",
              "Authenticate to a registry (default: Docker Hub)");
  set.option("-u,--username", credentials.username, "the user's name")
      .option("-p,--password", credentials.password, "the password, or an access token")
      .flag("--password-stdin", from_input, "take the password from standard input")
      .option("--authfile", registry.authfile, "a file of credentials, in place of the usual")
      .option("--cert-dir", registry.certificate_folder,
              "a directory of certificates (*.crt, *.cert, *.key), in place of certs.d")
      .optional("--tls-verify", registry.tls_verify, "true",
                "false: accept any certificate, and no TLS at all; true: also of loopback")
      .arguments(0, 1);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (!credentials.password.empty()) {
    if (from_input) {
      return invalid_input(
          "conflicting options: cannot specify both --password and --password-stdin");
    }
    print_error("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
  }
  const LoginPlace place = place_of(parsed, registry);
  auto registries = TRY(open_registries(registry));
  const os::InterruptWatcher interrupts;
  bool done = false;
  if (credentials.username.empty() && credentials.password.empty() && !from_input)
    done = TRY(log_in_again(*registries, place, interrupts.token()));
  if (!done)
    TRY(log_in_anew(*registries, place, std::move(credentials), from_input, interrupts.token()));
  TRY(print("Login Succeeded\n"));
  return 0;
}

Result<int> logout_command(const Session& session, std::vector<std::string> words) {
  RegistryFlags registry;
  FlagSet set(session.command, "[SERVER]", "Log out from a registry (default: Docker Hub)");
  set.option("--authfile", registry.authfile, "a file of credentials, in place of the usual")
      .arguments(0, 1);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const std::string place = place_of(parsed, registry).key();
  const registry::CredentialStore credentials(credential_files(registry));
  const bool found = TRY(credentials.erase(place));
  const std::string key = registry::credentials_key(place);
  TRY(print(found ? fmt::format("Removing login credentials for {}\n", key)
                  : fmt::format("Not logged in to {}\n", key)));
  return 0;
}

}  // namespace kiln::cli
