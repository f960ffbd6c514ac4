// SPDX-License-Identifier: Apache-2.0
#include "cli/registry_session.h"

#include "base/strings.h"
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

}  // namespace

void add_registry_flags(FlagSet& set, RegistryFlags& flags, const std::string& prefix) {
  const std::string dashes = "--" + prefix;
  set.option(dashes + "authfile", flags.authfile, "a file of credentials, in place of the usual")
      .option(dashes + "creds", flags.credentials, "USER:PASSWORD for the registry")
      .option(dashes + "cert-dir", flags.certificate_folder,
              "a directory of certificates (*.crt, *.cert, *.key), in place of certs.d")
      .optional(dashes + "tls-verify", flags.tls_verify, "true",
                "false: accept any certificate, and no TLS at all; true: also of loopback");
}

registry::CredentialFiles credential_files(const RegistryFlags& flags) {
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
  if (!flags.credentials.empty()) {
    auto given = TRY(parse_credentials(flags.credentials));
    credentials.use(std::move(given));
  }
  registry::RegistryOptions options{.rules = std::move(rules),
                                    .credentials = std::move(credentials)};
  return std::make_unique<registry::Registries>(std::move(options));
}

}  // namespace kiln::cli
