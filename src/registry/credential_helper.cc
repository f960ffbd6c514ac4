// SPDX-License-Identifier: Apache-2.0
#include "registry/credential_helper.h"

#include <fmt/format.h>

#include <chrono>

#include "base/json.h"
#include "base/strings.h"
#include "os/process.h"

namespace kiln::registry {
namespace {

constexpr auto kDeadline = std::chrono::seconds(60);
/// The user name that says that the secret is an identity token.
constexpr std::string_view kTokenUser = "<token>";

Result<os::Captured> run_helper(const std::string& name, const char* verb,
                                const std::string& input) {
  const std::string program = "docker-credential-" + name;
  auto pipe = TRY(os::create_pipe());
  // More than a pipe holds would wait for a reader that isn't there yet.
  if (input.size() > 32768) return invalid_input(program + ": the credentials are too long");
  TRY(os::write_all(pipe.write_end, input, program));
  pipe.write_end.reset();
  os::SpawnOptions options;
  options.argv = {program, verb};
  options.in = os::Stdio::of(std::move(pipe.read_end));
  return os::run_capture(std::move(options), kDeadline).context("credential helper " + program);
}

Error helper_error(const std::string& name, const char* verb, const os::Captured& captured) {
  const std::string said(trim(captured.out.empty() ? captured.err : captured.out));
  return {ErrorKind::unauthorized,
          fmt::format("docker-credential-{} {}: {}", name, verb, said.substr(0, 500))};
}

}  // namespace

Result<std::optional<Credentials>> helper_get(const std::string& name, const std::string& server) {
  const os::Captured captured = TRY(run_helper(name, "get", server));
  if (!captured.status.success()) {
    // What the protocol's library says, word for word.
    if (captured.out.find("credentials not found") != std::string::npos) {
      return std::optional<Credentials>();
    }
    return helper_error(name, "get", captured);
  }
  const auto answer = TRY(parse_json(captured.out, "docker-credential-" + name));
  Credentials out;
  out.username = TRY(json_string(answer, "Username"));
  out.password = TRY(json_string(answer, "Secret"));
  if (out.username == kTokenUser) {
    out.identity_token = std::move(out.password);
    out.username.clear();
    out.password.clear();
  }
  if (out == Credentials()) return std::optional<Credentials>();
  return std::optional(std::move(out));
}

Result<void> helper_store(const std::string& name, const std::string& server,
                          const Credentials& credentials) {
  const bool token = !credentials.identity_token.empty();
  const nlohmann::json entry = {
      {"ServerURL", server},
      {"Username", token ? std::string(kTokenUser) : credentials.username},
      {"Secret", token ? credentials.identity_token : credentials.password}};
  const os::Captured captured = TRY(run_helper(name, "store", dump_json(entry)));
  if (!captured.status.success()) return helper_error(name, "store", captured);
  return {};
}

Result<void> helper_erase(const std::string& name, const std::string& server) {
  const os::Captured captured = TRY(run_helper(name, "erase", server));
  if (!captured.status.success()) return helper_error(name, "erase", captured);
  return {};
}

}  // namespace kiln::registry
