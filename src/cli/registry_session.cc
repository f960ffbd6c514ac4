// SPDX-License-Identifier: Apache-2.0
#include "cli/registry_session.h"

#include <limits>

#include "base/strings.h"
#include "dockerfile/duration.h"
#include "os/system.h"
#include "registry/settings.h"

namespace kiln::cli {
namespace {

Result<registry::RegistryRules::Tls> parse_tls(const std::string& word) {
  using Tls = registry::RegistryRules::Tls;
  if (word.empty()) return Tls::by_rule;
  if (word == "true" || word == "1") return Tls::required;
  if (word == "false" || word == "0") return Tls::optional;
  return invalid_input("invalid value \"" + word + "\" of --tls-verify: true or false");
}

Result<registry::Credentials> parse_credentials(const std::string& text) {
  const auto [user, password] = split_once(text, ':');
  if (user.empty() || !password)
    return invalid_input("invalid value of --creds: it has to be USER:PASSWORD");
  registry::Credentials out;
  out.username = user;
  out.password = *password;
  return out;
}

/// What the flags themselves say of who asks; nullopt leaves it to the files.
Result<std::optional<registry::Credentials>> given_credentials(const RegistryFlags& flags) {
  const bool named = !flags.username.empty() || !flags.password.empty();
  const int ways = int{flags.anonymous} + int{named} + int{!flags.credentials.empty()} +
                   int{!flags.registry_token.empty()};
  if (ways > 1)
    return invalid_input("creds, no-creds, username and registry-token exclude each other");
  if (!flags.credentials.empty()) {
    auto given = TRY(parse_credentials(flags.credentials));
    return std::optional(std::move(given));
  }
  registry::Credentials out;
  if (named) {
    if (flags.username.empty() || flags.password.empty())
      return invalid_input("username and password have to be given together");
    out.username = flags.username;
    out.password = flags.password;
  } else if (!flags.registry_token.empty()) {
    out.registry_token = flags.registry_token;
  } else {
    return std::optional<registry::Credentials>();
  }
  return std::optional(std::move(out));
}

/// As often, and with the same pause each time, as the flags say.
Result<void> set_retries(registry::Retry::Policy& policy, const RegistryFlags& flags) {
  if (!flags.retries.empty()) {
    const auto count = parse_uint(flags.retries);
    if (!count || *count >= std::numeric_limits<unsigned>::max())
      return invalid_input("invalid number of retries: \"" + flags.retries + "\"");
    policy.attempts = static_cast<unsigned>(*count) + 1;
  }
  if (!flags.retry_delay.empty()) {
    const auto nanoseconds =
        TRY(dockerfile::parse_duration(flags.retry_delay).context("--retry-delay"));
    if (nanoseconds < 0) return invalid_input("--retry-delay is below zero");
    policy.first_pause = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::nanoseconds(nanoseconds));
    policy.longest_pause = policy.first_pause;
  }
  return {};
}

void add_place_flags(FlagSet& set, RegistryFlags& flags, const std::string& prefix) {
  const std::string dashes = "--" + prefix;
  set.option(dashes + "authfile", flags.authfile, "a file of credentials, in place of the usual")
      .option(dashes + "creds", flags.credentials, "USER:PASSWORD for the registry")
      .option(dashes + "cert-dir", flags.certificate_folder,
              "a directory of certificates (*.crt, *.cert, *.key), in place of certs.d")
      .optional(dashes + "tls-verify", flags.tls_verify, "true",
                "false: accept any certificate, and no TLS at all; true: also of loopback");
}

}  // namespace

void add_registry_flags(FlagSet& set, RegistryFlags& flags) { add_place_flags(set, flags, {}); }

void add_registry_flags_of_side(FlagSet& set, RegistryFlags& flags, const std::string& side) {
  add_place_flags(set, flags, side + "-");
  const std::string dashes = "--" + side + "-";
  set.option(dashes + "username", flags.username, "the user, with its password")
      .option(dashes + "password", flags.password, "the user's password")
      .option(dashes + "registry-token", flags.registry_token, "a bearer token, sent as it is")
      .flag(dashes + "no-creds", flags.anonymous, "ask as nobody, whatever the files say");
}

void add_retry_flags(FlagSet& set, RegistryFlags& flags, const std::string& name) {
  set.option(name, flags.retries, "how often a failure is tried again (default 5)")
      .option("--retry-delay", flags.retry_delay, "wait so long before each time, such as 2s");
}

bool has_podman_file(const RegistryFlags& flags) {
  return !flags.authfile.empty() || !os::environment("REGISTRY_AUTH_FILE").value_or("").empty();
}

registry::CredentialFiles credential_files(const RegistryFlags& flags) {
  if (flags.anonymous) return {};
  if (flags.authfile.empty()) return registry::CredentialFiles::from_environment();
  registry::CredentialFiles out;
  out.read = {flags.authfile};
  out.write = flags.authfile;
  return out;
}

Result<std::unique_ptr<registry::Registries>> open_registries(const RegistryFlags& flags) {
  const auto files = TRY(registry::SettingsFiles::from_environment());
  auto rules = TRY(registry::load_rules(files));
  rules.tls = TRY(parse_tls(flags.tls_verify));
  rules.certificate_folder = flags.certificate_folder;
  rules.insecure.insert(rules.insecure.end(), flags.insecure.begin(), flags.insecure.end());
  registry::CredentialStore credentials(credential_files(flags));
  if (!flags.anonymous) credentials.ask_helpers(rules.credential_helpers);
  auto given = TRY(given_credentials(flags));
  if (given) credentials.use(*std::move(given));
  registry::RegistryOptions options{.rules = std::move(rules),
                                    .credentials = std::move(credentials)};
  TRY(set_retries(options.retry, flags));
  return std::make_unique<registry::Registries>(std::move(options));
}

}  // namespace kiln::cli
