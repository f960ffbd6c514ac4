// SPDX-License-Identifier: Apache-2.0
#include "registry/credentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/json.h"
#include "base/paths.h"
#include "base/strings.h"
#include "oci/reference.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/file_lock.h"
#include "os/process.h"
#include "os/system.h"
#include "registry/credential_helper.h"
#include "registry/json_member.h"

namespace kiln::registry {
namespace {

using nlohmann::json;

constexpr std::string_view kDockerHubKey = "https://index.docker.io/v1/";
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The file's text; an empty object if it is not there, or empty.
Result<std::string> read_config_text(const std::string& path) {
  auto text = os::read_file(path);
  if (!text.ok() && text.error().kind() != ErrorKind::not_found) return text;
  return text.ok() && !trim(*text).empty() ? *std::move(text) : std::string("{}");
}

Result<json> parse_config(const std::string& text, const std::string& path) {
  json config = TRY(parse_json(text, path));
  if (!config.is_object()) return corrupt(path + ": not a JSON object");
  return config;
}

/// `https://host/v1/` and the like, which older files have, as the bare host.
std::string host_of_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  std::string host(key.substr(0, key.find('/')));
  return host == "index.docker.io" || host == "registry-1.docker.io" ? std::string(oci::kDockerHub)
                                                                     : host;
}

Result<Credentials> parse_entry(const json& entry, const std::string& where) {
  Credentials out;
  out.identity_token = TRY(json_string(entry, "identitytoken").context(where));
  out.registry_token = TRY(json_string(entry, "registrytoken").context(where));
  out.username = TRY(json_string(entry, "username").context(where));
  out.password = TRY(json_string(entry, "password").context(where));
  const std::string auth = TRY(json_string(entry, "auth").context(where));
  if (!auth.empty()) {
    const auto plain = decode_base64(auth);
    const auto colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos) return corrupt(where + ": \"auth\" is not user:password");
    out.username = plain->substr(0, colon);
    out.password = plain->substr(colon + 1);
    // docker pads with zero bytes.
    while (out.password.ends_with('\0')) out.password.pop_back();
  }
  return out;
}

/// The keys that may hold a repository's credentials, the most specific first.
std::vector<std::string> keys_for(std::string_view domain, std::string_view path) {
  std::vector<std::string> keys;
  for (std::string at = fmt::format("{}/{}", domain, path); at.find('/') != std::string::npos;
       at.resize(at.rfind('/'))) {
    keys.push_back(at);
  }
  keys.emplace_back(domain);
  return keys;
}

const json* find_auth(const json& auths, const std::string& key, bool is_domain) {
  if (const auto exact = auths.find(key); exact != auths.end()) return &*exact;
  if (!is_domain) return nullptr;
  for (const auto& [name, entry] : auths.items()) {
    // A name with a path below the host is a repository's, unless it is a URL.
    const bool whole_host =
        name.find("://") != std::string::npos || name.find('/') == std::string::npos;
    if (whole_host && host_of_key(name) == key) return &entry;
  }
  return nullptr;
}

/// A program that has a registry's credentials, and the name that it has them under.
struct Helper {
  std::string name;
  std::string server;
};

Result<std::optional<Helper>> helper_for(const json& config, std::string_view domain,
                                         const std::string& where) {
  const json helpers = TRY(json_object(config, "credHelpers").context(where));
  for (const auto& [name, helper] : helpers.items()) {
    if (host_of_key(name) != host_of_key(domain) || !helper.is_string()) continue;
    // An empty name: the file itself, whatever `credsStore` says.
    auto chosen = helper.get<std::string>();
    if (chosen.empty()) return std::optional<Helper>();
    // As podman has Docker Hub.
    const bool plain = name == oci::kDockerHub;
    return std::optional(Helper{std::move(chosen), plain ? name : credentials_key(domain)});
  }
  const std::string all = TRY(json_string(config, "credsStore").context(where));
  if (!all.empty()) return std::optional(Helper{all, credentials_key(domain)});
  return std::optional<Helper>();
}

Result<std::optional<Credentials>> find_in(const std::string& file, std::string_view domain,
                                           std::string_view path) {
  const std::string text = TRY(read_config_text(file));
  const json config = TRY(parse_config(text, file));
  const json auths = TRY(json_object(config, "auths").context(file));
  const auto helper = TRY(helper_for(config, domain, file));
  std::optional<Error> failure;
  if (helper) {
    auto found = helper_get(helper->name, helper->server);
    if (found && *found) return found;
    if (!found) failure = Error(ErrorKind::unauthorized, found.error().message());
  }
  for (const auto& key : keys_for(domain, path)) {
    const json* entry = find_auth(auths, key, key == domain);
    if (entry == nullptr || !entry->is_object()) continue;
    Credentials credentials = TRY(parse_entry(*entry, file + ": " + key));
    // An empty entry only says that a helper has it.
    if (credentials != Credentials()) return std::optional(std::move(credentials));
  }
  // What the file holds makes up for a helper that fails.
  if (failure) return *std::move(failure);
  return std::optional<Credentials>();
}

/// The file that `path` leads to through symlinks: those who keep their settings elsewhere want
/// them changed there, not the link replaced. It need not be there.
std::string behind_links(const std::string& path) {
  constexpr int kMostLinks = 40;  // as the kernel
  std::string out = path;
  for (int i = 0; i < kMostLinks; ++i) {
    const std::string folder = out.substr(0, out.rfind('/') + 1);
    const auto dir = os::Dir::open(folder.empty() ? "." : folder);
    if (!dir) return out;
    const auto target = dir->read_link(base_name(out));
    if (!target) return out;
    out = target->starts_with('/') ? *target : folder + *target;
  }
  return path;
}

/// A file of credentials that nobody else changes meanwhile.
class ChangedConfig {
 public:
  /// Its folder is made if there is none.
  static Result<ChangedConfig> open(const std::string& path) {
    if (const auto slash = path.rfind('/'); slash != std::string::npos && slash > 0)
      TRY(os::ensure_directory(path.substr(0, slash), 0700));
    ChangedConfig out;
    out.path_ = behind_links(path);
    const std::string folder = out.path_.substr(0, out.path_.rfind('/') + 1);
    // The file is replaced: its folder is what stays. Not every filesystem can lock one.
    auto lock = os::FileLock::acquire_existing(folder.empty() ? "." : folder,
                                               os::FileLock::Mode::exclusive);
    if (lock.ok()) out.lock_ = *std::move(lock);
    out.text_ = TRY(read_config_text(out.path_));
    out.config = TRY(parse_config(out.text_, path));
    out.auths = TRY(json_object(out.config, "auths").context(path));
    return out;
  }
  /// What `auths` has become; all else stays.
  Result<void> write() const {
    return os::write_file_atomically(path_, with_member(text_, "auths", auths), 0600);
  }

  json config;
  json auths;

 private:
  std::string path_;
  std::string text_;
  std::optional<os::FileLock> lock_;
};

}  // namespace

std::string credentials_key(std::string_view domain) {
  return std::string(domain == oci::kDockerHub ? kDockerHubKey : domain);
}

CredentialFiles CredentialFiles::from_environment() {
  CredentialFiles out;
  if (const auto only = os::environment("REGISTRY_AUTH_FILE"); only && !only->empty()) {
    out.read = {*only};
    out.write = *only;
    return out;
  }
  const std::string home = os::environment("HOME").value_or("/root");
  const auto docker = os::environment("DOCKER_CONFIG");
  out.write = (docker && !docker->empty() ? *docker : home + "/.docker") + "/config.json";
  out.read.push_back(out.write);
  if (const auto runtime = os::environment("XDG_RUNTIME_DIR"); runtime && !runtime->empty()) {
    out.read.push_back(*runtime + "/containers/auth.json");
  } else {
    out.read.push_back(fmt::format("/run/containers/{}/auth.json", os::real_uid()));
  }
  const auto config = os::environment("XDG_CONFIG_HOME");
  out.read.push_back((config && !config->empty() ? *config : home + "/.config") +
                     "/containers/auth.json");
  return out;
}

Result<std::optional<Credentials>> CredentialStore::find(std::string_view domain,
                                                         std::string_view path) const {
  if (given_) return given_;
  std::optional<Error> failure;
  for (const auto& file : files_.read) {
    auto found = find_in(file, domain, path);
    if (found ? found->has_value() : found.error().kind() != ErrorKind::unauthorized) return found;
    if (!found && !failure) failure = std::move(found).error();
  }
  for (const auto& helper : helpers_) {
    for (const std::string& server : std::set{std::string(domain), credentials_key(domain)}) {
      auto found = helper_get(helper, server);
      if (found && *found) return found;
      if (!found && !failure) failure = Error(ErrorKind::unauthorized, found.error().message());
    }
  }
  if (failure) return *std::move(failure);
  return std::optional<Credentials>();
}

Result<CredentialStore::Stored> CredentialStore::store(std::string_view place,
                                                       const Credentials& credentials) const {
  const std::string key = credentials_key(place);
  ChangedConfig file = TRY(ChangedConfig::open(files_.write));
  const auto helper = TRY(helper_for(file.config, place, files_.write));
  if (helper) {
    TRY(helper_store(helper->name, helper->server, credentials));
    file.auths[key] = json::object();
    TRY(file.write());
    return Stored{helper->name, files_.write};
  }
  json entry = json::object();
  if (!credentials.identity_token.empty()) {
    entry["auth"] = encode_base64(credentials.username + ":");
    entry["identitytoken"] = credentials.identity_token;
  } else {
    entry["auth"] = encode_base64(credentials.username + ":" + credentials.password);
  }
  file.auths[key] = std::move(entry);
  TRY(file.write());
  return Stored{{}, files_.write};
}

Result<bool> CredentialStore::erase(std::string_view place) const {
  if (!os::path_exists(files_.write)) return false;
  ChangedConfig file = TRY(ChangedConfig::open(files_.write));
  bool found = false;
  const auto helper = TRY(helper_for(file.config, place, files_.write));
  if (helper) {
    const auto there = TRY(helper_get(helper->name, helper->server));
    if (there) {
      TRY(helper_erase(helper->name, helper->server));
      found = true;
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, ignored] : file.auths.items()) {
    const bool whole_host =
        name.find("://") != std::string::npos || name.find('/') == std::string::npos;
    if (name == place || (whole_host && host_of_key(name) == place)) names.push_back(name);
  }
  for (const auto& name : names) file.auths.erase(name);
  if (names.empty()) return found;
  TRY(file.write());
  return true;
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    unsigned value = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      value = value << 8 | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= group.size() ? kAlphabet[value >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
  text = trim(text);
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  unsigned value = 0;
  int bits = 0;
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = (value << 6 | static_cast<unsigned>(digit)) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(value >> bits & 0xff);
    }
  }
  return out;
}

}  // namespace kiln::registry
