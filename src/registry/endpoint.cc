// SPDX-License-Identifier: Apache-2.0
#include "registry/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "oci/reference.h"
#include "os/dir.h"
#include "os/fd.h"

namespace kiln::registry {
namespace {

/// Where docker.io is really served.
constexpr std::string_view kDockerHubHost = "registry-1.docker.io";

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  const auto parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  for (const auto part : parts) {
    const auto number = parse_uint(part);
    if (!number || *number > 255) return std::nullopt;
    value = value << 8 | static_cast<std::uint32_t>(*number);
  }
  return value;
}

/// Whether `host` is an address in a network such as 10.0.0.0/8.
bool in_network(std::string_view host, std::string_view network) {
  const auto [base_text, bits_text] = split_once(network, '/');
  const auto address = parse_ipv4(host);
  const auto base = parse_ipv4(base_text);
  const std::uint64_t bits = parse_uint(bits_text.value_or("")).value_or(33);
  if (!address || !base || bits > 32) return false;
  return bits == 0 || ((*address ^ *base) >> (32 - bits)) == 0;
}

bool is_insecure(const RegistryRules& rules, std::string_view host) {
  return is_loopback(host) || std::ranges::any_of(rules.insecure, [&](const std::string& each) {
           return each == host || in_network(without_port(host), each);
         });
}

/// Whether a rule is for `name`, a domain and path: its prefix ends where a component does.
bool matches(const RegistryRule& rule, std::string_view name) {
  std::string_view prefix = rule.prefix;
  if (prefix.starts_with("*.")) {
    const std::string_view host = without_port(name.substr(0, name.find('/')));
    return host.ends_with(prefix.substr(1)) && host.size() > prefix.size() - 1;
  }
  return name.starts_with(prefix) &&
         (name.size() == prefix.size() || name[prefix.size()] == '/' || name[prefix.size()] == ':');
}

const RegistryRule* find_rule(const RegistryRules& rules, std::string_view name) {
  const RegistryRule* best = nullptr;
  for (const auto& rule : rules.rules) {
    if (!matches(rule, name)) continue;
    if (best == nullptr || rule.prefix.size() > best->prefix.size()) best = &rule;
  }
  return best;
}

/// The endpoint for a whole name, `host[:port]/path`.
Endpoint endpoint_of(const RegistryRules& rules, std::string_view name, bool insecure) {
  const auto [host, path] = split_once(name, '/');
  Endpoint out;
  out.domain = host;
  out.host = host == oci::kDockerHub ? kDockerHubHost : host;
  out.repository = path.value_or("");
  const bool either = rules.tls == RegistryRules::Tls::by_rule
                          ? insecure || is_insecure(rules, host)
                          : rules.tls == RegistryRules::Tls::optional;
  out.scheme = either ? Endpoint::Scheme::either : Endpoint::Scheme::https;
  return out;
}

/// `location` in place of the rule's prefix; a pattern stands for the host alone.
std::string rewritten(const RegistryRule& rule, std::string_view name, std::string_view location) {
  if (location.empty()) return std::string(name);
  const std::size_t end = rule.prefix.starts_with("*.") ? name.find('/') : rule.prefix.size();
  return fmt::format("{}{}", location, name.substr(end));
}

Endpoint mirror_endpoint(const RegistryRules& rules, std::string_view name, const Mirror& mirror) {
  Endpoint out = endpoint_of(rules, name, mirror.insecure);
  out.mirror = true;
  if (mirror.scheme == Endpoint::Scheme::http) out.scheme = Endpoint::Scheme::http;
  return out;
}

}  // namespace

bool is_loopback(std::string_view host) {
  const std::string_view name = without_port(host);
  return name == "localhost" || name == "[::1]" || in_network(name, "127.0.0.0/8");
}

Result<std::vector<Endpoint>> find_endpoints(const RegistryRules& rules,
                                             const oci::Reference& reference, Purpose purpose) {
  const std::string name = reference.domain() + "/" + reference.path();
  const RegistryRule* rule = find_rule(rules, name);
  std::vector<Endpoint> out;
  if (rule != nullptr && rule->blocked) {
    return Error(ErrorKind::permission,
                 fmt::format("registry {} is blocked by registries.conf", rule->prefix));
  }
  const auto serves = [&](const Mirror& mirror) {
    return purpose == Purpose::pull_tag ? mirror.tags : mirror.digests;
  };
  if (purpose != Purpose::push) {
    if (rule != nullptr) {
      for (const auto& mirror : rule->mirrors) {
        if (serves(mirror)) {
          out.push_back(mirror_endpoint(rules, rewritten(*rule, name, mirror.location), mirror));
        }
      }
    }
    if (reference.domain() == oci::kDockerHub) {
      for (const auto& mirror : rules.docker_mirrors) {
        out.push_back(mirror_endpoint(
            rules, fmt::format("{}/{}", mirror.location, reference.path()), mirror));
      }
    }
  }
  out.push_back(rule != nullptr
                    ? endpoint_of(rules, rewritten(*rule, name, rule->location), rule->insecure)
                    : endpoint_of(rules, name, false));
  return out;
}

Result<net::TlsOptions> tls_options(const RegistryRules& rules, const Endpoint& endpoint) {
  net::TlsOptions out;
  if (endpoint.scheme == Endpoint::Scheme::either) out.verify = net::Verify::nothing;
  std::vector<std::string> paths;
  // docker looks under the name that the user writes, containers do as well.
  for (const auto& folder : rules.certificate_folders)
    paths.push_back(folder + "/" + endpoint.domain);
  if (!rules.certificate_folder.empty()) paths = {rules.certificate_folder};
  for (const auto& path : paths) {
    if (rules.certificate_folder.empty() && !os::path_exists(path)) continue;
    const os::Dir dir = TRY(os::Dir::open(path));
    const auto entries = TRY(dir.list());
    for (const auto& entry : entries) {
      const std::string file = path + "/" + entry.name;
      if (entry.name.ends_with(".crt")) {
        out.authorities += TRY(os::read_file(file));
        out.authorities += '\n';
      } else if (entry.name.ends_with(".cert")) {
        const std::string key = file.substr(0, file.size() - 5) + ".key";
        if (!os::path_exists(key)) {
          return not_found(
              fmt::format("missing key {} for client certificate {}", key, entry.name));
        }
        out.client_certificate = file;
        out.client_key = key;
      }
    }
    if (!out.authorities.empty() && rules.tls != RegistryRules::Tls::optional)
      out.verify = net::Verify::certificate;
    return out;
  }
  return out;
}

}  // namespace kiln::registry
