// SPDX-License-Identifier: Apache-2.0
#include "registry/search.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/strings.h"
#include "oci/reference.h"
#include "registry/response_error.h"
#include "registry/url.h"

namespace kiln::registry {
namespace {

constexpr std::size_t kMaxAnswer = std::size_t{4} << 20;

/// The registry that a term names, and what to look for there.
struct Wanted {
  std::string domain, term;
};

Wanted split_term(const std::string& term) {
  const auto [first, rest] = split_once(term, '/');
  const bool names_registry =
      rest && (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  Wanted out{names_registry ? std::string(first) : std::string(oci::kDockerHub),
             names_registry ? std::string(*rest) : term};
  if (out.domain == "index.docker.io") out.domain = oci::kDockerHub;
  // The hub's official images have no folder there.
  constexpr std::string_view kOfficial = "library/";
  if (out.domain == oci::kDockerHub && out.term.starts_with(kOfficial))
    out.term.erase(0, kOfficial.size());
  return out;
}

Result<SearchResult> parse_result(const nlohmann::json& object) {
  if (!object.is_object()) return corrupt("a result is no object");
  SearchResult out;
  out.name = TRY(json_string(object, "name"));
  out.description = TRY(json_string(object, "description"));
  out.stars = TRY(json_int(object, "star_count"));
  out.official = TRY(json_bool(object, "is_official"));
  out.automated = TRY(json_bool(object, "is_automated"));
  return out;
}

}  // namespace

Result<std::vector<SearchResult>> search(Registries& registries, const std::string& term,
                                         unsigned limit, std::stop_token stop) {
  const Wanted wanted = split_term(term);
  const auto place = TRY(registries.search_place(wanted.domain));
  const std::string what = fmt::format("search at {}", wanted.domain);
  net::HttpRequest request;
  request.url = fmt::format("/v1/search?q={}&n={}", percent_encode(wanted.term), limit);
  request.headers = {{"Accept", "application/json"}};
  request.body_limit = kMaxAnswer;
  request.stop = stop;
  Retry retry(registries.options().retry, registries.options().sleep, stop);
  for (;;) {
    auto response = place.host->send(request, {});
    if (!response) {
      TRY(retry.after(std::move(response).error().context(what)));
      continue;
    }
    if (is_temporary(response->status)) {
      TRY(retry.after(*response, response_error(*response, what)));
      continue;
    }
    if (response->status == 404) {
      return not_found(fmt::format("{} can't be searched: it has no /v1/search", wanted.domain))
          .with_hint("few registries besides Docker Hub have it");
    }
    if (!response->success()) return response_error(*response, what);
    const auto answer = TRY(parse_json(response->body, "results").context(what));
    if (!answer.is_object()) return corrupt(what + ": the server's answer is no list of results");
    const auto results = TRY(json_array(answer, "results").context(what));
    std::vector<SearchResult> out;
    for (const auto& item : results) {
      if (out.size() == limit) break;
      SearchResult result = TRY(parse_result(item).context(what));
      out.push_back(std::move(result));
    }
    return out;
  }
}

}  // namespace kiln::registry
