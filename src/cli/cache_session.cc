// SPDX-License-Identifier: Apache-2.0
#include "cli/cache_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cache/buildkit_format.h"
#include "cache/local_storage.h"
#include "cache/registry_storage.h"
#include "cache/step_export.h"
#include "cli/platform_flag.h"
#include "cli/registry_session.h"
#include "dockerfile/csv.h"

namespace kiln::cli {
namespace {

constexpr const char* kSupported = "kiln has type=local, type=registry and type=inline";

/// Beyond the numbers of a build's own steps and of its outputs.
constexpr solver::StepId kFirstStep = SIZE_MAX / 2;

using Fields = std::map<std::string, std::string>;

/// `key=value,…`; a text without `=` is a reference, as in docker.
Result<Fields> parse_fields(const std::string& text) {
  const std::vector<std::string> words = TRY(dockerfile::csv_fields(text));
  Fields out;
  if (words.size() == 1 && words.front().find('=') == std::string::npos) {
    out["type"] = "registry";
    out["ref"] = words.front();
    return out;
  }
  for (const auto& word : words) {
    const auto [key, value] = split_once(word, '=');
    if (!value) return invalid_input("invalid value " + word);
    out[to_lower(key)] = *value;
  }
  return out;
}

std::string take(Fields& fields, const std::string& key) {
  const auto node = fields.extract(key);
  return node.empty() ? std::string() : node.mapped();
}

Result<bool> take_bool(Fields& fields, const std::string& key, bool otherwise) {
  const std::string word = to_lower(take(fields, key));
  if (word.empty()) return otherwise;
  if (const auto truth = parse_bool(word)) return *truth;
  return invalid_input(fmt::format("invalid value {} for {}: true or false", word, key));
}

Result<CacheSpec> parse_place(Fields& fields, const char* path_key) {
  CacheSpec out;
  const std::string type = take(fields, "type");
  if (type == "local") {
    out.type = CacheSpec::Type::local;
    out.path = take(fields, path_key);
    if (out.path.empty())
      return invalid_input(fmt::format("{} is required for type=local", path_key));
  } else if (type == "registry") {
    const std::string ref = take(fields, "ref");
    if (ref.empty()) return invalid_input("ref is required for type=registry");
    out.reference = TRY(oci::Reference::parse(ref));
  } else if (type == "inline") {
    out.type = CacheSpec::Type::inline_image;
  } else if (type.empty()) {
    return invalid_input("type is required");
  } else if (type == "gha" || type == "s3" || type == "azblob") {
    return unsupported(fmt::format("type={} is not supported: {}", type, kSupported));
  } else {
    return invalid_input(fmt::format("unknown cache type {}: {}", type, kSupported));
  }
  return out;
}

Result<void> refuse_rest(const Fields& fields) {
  if (fields.empty()) return {};
  return invalid_input("unknown option " + fields.begin()->first);
}

Result<void> parse_compression(Fields& fields, CacheSpec& out) {
  const std::string word = take(fields, "compression");
  if (word == "gzip") {
    out.compression = archive::Compression::gzip;
  } else if (word == "uncompressed") {
    out.compression = archive::Compression::none;
  } else if (!word.empty() && word != "zstd") {
    return invalid_input("invalid compression " + word + ": uncompressed, gzip or zstd");
  }
  const std::string level = take(fields, "compression-level");
  if (!level.empty()) {
    const auto number = parse_uint(level);
    const std::uint64_t most = out.compression == archive::Compression::gzip ? 9 : 22;
    if (!number || *number > most) return invalid_input("invalid compression-level " + level);
    out.level = static_cast<int>(*number);
  }
  out.force_compression = TRY(take_bool(fields, "force-compression", false));
  return {};
}

Result<CacheSpec> parse_to(const std::string& text) {
  Fields fields = TRY(parse_fields(text));
  CacheSpec out = TRY(parse_place(fields, "dest"));
  const std::string mode = to_lower(take(fields, "mode"));
  if (!mode.empty() && mode != "min" && mode != "max")
    return invalid_input("invalid mode " + mode + ": min or max");
  out.all_steps = mode == "max";
  if (out.type == CacheSpec::Type::inline_image && out.all_steps)
    return invalid_input("mode=max can't be inline: the image has only its own layers");
  TRY(parse_compression(fields, out));
  const std::string format = take(fields, "format");
  if (!format.empty() && format != "kiln" && format != "buildkit")
    return invalid_input("invalid format " + format + ": kiln or buildkit");
  out.buildkit_form = format == "buildkit";
  const bool ignores = TRY(take_bool(fields, "ignore-error", true));
  out.fails_build = !ignores;
  // What says how BuildKit writes its own form; kiln's is OCI's in any case.
  for (const char* accepted : {"oci-mediatypes", "image-manifest"})
    TRY(take_bool(fields, accepted, true));
  TRY(refuse_rest(fields));
  return out;
}

Result<CacheSpec> parse_from(const std::string& text) {
  Fields fields = TRY(parse_fields(text));
  CacheSpec out = TRY(parse_place(fields, "src"));
  if (out.type == CacheSpec::Type::inline_image)
    return invalid_input("an inline cache is read with type=registry,ref=IMAGE");
  for (const char* accepted : {"digest", "tag"}) take(fields, accepted);
  TRY(refuse_rest(fields));
  return out;
}

/// Where something else than kiln's own manifests may stand.
std::string tag_of(const CacheSpec& spec) {
  if (!spec.reference) return "latest";
  if (spec.reference->digest()) return spec.reference->digest()->str();
  return spec.reference->tag().value_or("latest");
}

/// A cache must cost less than it saves: nothing about it is waited for long.
registry::RegistryOptions cache_options(registry::RegistryOptions options) {
  options.retry.attempts = 2;
  options.retry.longest_wait = std::chrono::seconds(5);
  options.make_transport = [](const net::TlsOptions& tls) {
    net::HttpOptions http;
    http.tls = tls;
    http.connect_timeout = std::chrono::seconds(5);
    http.stall_timeout = std::chrono::seconds(15);
    return std::make_unique<net::HttpClient>(std::move(http));
  };
  return options;
}

Result<cache::BuildkitContents> read_buildkit_caches(cache::Storage& from,
                                                     const std::string& version,
                                                     std::vector<oci::Platform> platforms,
                                                     const std::stop_token& stop) {
  if (platforms.empty()) platforms.push_back(host_platform());
  cache::BuildkitContents out;
  for (const auto& platform : platforms)
    TRY(cache::read_buildkit_cache(out, from, version, platform, stop));
  return out;
}

}  // namespace

Result<CacheSpec> parse_cache_to(const std::string& text) {
  return parse_to(text).context("invalid --cache-to \"" + text + "\"");
}

Result<CacheSpec> parse_cache_from(const std::string& text) {
  return parse_from(text).context("invalid --cache-from \"" + text + "\"");
}

Result<CacheSession> CacheSession::open(const std::vector<std::string>& from,
                                        const std::vector<std::string>& to) {
  std::vector<CacheSpec> sources, targets;
  for (const auto& text : from) {
    CacheSpec spec = TRY(parse_cache_from(text));
    sources.push_back(std::move(spec));
  }
  for (const auto& text : to) {
    CacheSpec spec = TRY(parse_cache_to(text));
    targets.push_back(std::move(spec));
  }
  return CacheSession(std::move(sources), std::move(targets));
}

Result<registry::Registries*> CacheSession::registries() {
  if (registries_ == nullptr) {
    auto usual = TRY(open_registries(flags_));
    registries_ = std::make_unique<registry::Registries>(cache_options(usual->options()));
  }
  return registries_.get();
}

Result<std::unique_ptr<cache::Storage>> CacheSession::open_storage(store::Store& store,
                                                                   const CacheSpec& spec,
                                                                   bool for_writing) {
  using Pointer = std::unique_ptr<cache::Storage>;
  if (spec.type == CacheSpec::Type::local) {
    auto local = for_writing ? cache::LocalStorage::open_for_writing(spec.path)
                             : cache::LocalStorage::open(spec.path);
    if (!local) return std::move(local).error();
    return Pointer(*std::move(local));
  }
  registry::Registries* all = TRY(registries());
  auto repository = TRY(cache::RegistryStorage::open(store, *all, *spec.reference));
  return Pointer(std::move(repository));
}

Result<void> CacheSession::attach(solver::SolveContext& context, const llb::Graph& graph,
                                  const std::vector<llb::VertexId>& targets,
                                  const std::vector<oci::Platform>& platforms) {
  const bool writes_buildkit = std::ranges::any_of(to_, [](const CacheSpec& spec) {
    return spec.buildkit_form || spec.type == CacheSpec::Type::inline_image;
  });
  if (writes_buildkit)
    buildkit_ = TRY(cache::BuildkitExport::prepare(context, graph, targets, host_platform(), {}));
  if (from_.empty()) return {};
  const std::string tag = cache::build_tag(graph, targets);
  const auto warn = [&context](const std::string& text) {
    context.report(solver::BuildWarning{text});
  };
  for (const auto& spec : from_) {
    auto storage = open_storage(context.store, spec, false);
    if (!storage) {
      const std::string what = spec.reference ? spec.reference->familiar() : spec.path;
      warn("cache import from " + what + " is left out: " + storage.error().message());
      continue;
    }
    auto importer = std::make_unique<cache::Importer>(context.store, *std::move(storage), warn,
                                                      host_platform());
    importer->read_ahead(tag, [version = tag_of(spec), platforms](cache::Storage& from,
                                                                  const std::stop_token& stop) {
      return read_buildkit_caches(from, version, platforms, stop);
    });
    context.imports.push_back(std::move(importer));
  }
  return {};
}

Result<std::string> CacheSession::inline_cache(solver::SolveContext& context,
                                               const Results& results,
                                               const std::vector<oci::DiffId>& layers) const {
  const bool wanted = std::ranges::any_of(
      to_, [](const CacheSpec& spec) { return spec.type == CacheSpec::Type::inline_image; });
  if (!wanted) return std::string();
  const std::vector<solver::UsedRecord> records = TRY(cache::collect_records(context));
  std::vector<cache::CachedStep> steps;
  for (const auto& record : records) {
    cache::CachedStep step;
    step.key = record.key;
    step.layer = record.layer;
    step.created = record.created;
    steps.push_back(std::move(step));
  }
  const auto place = [&](const solver::StepResult& result) {
    return cache::place_in_image(result, layers);
  };
  nlohmann::json known = TRY(buildkit_->records(context, results, place, {}));
  return cache::inline_cache(layers, std::move(known), steps);
}

Result<std::string> CacheSession::write_one(solver::SolveContext& context, const CacheSpec& spec,
                                            const std::string& build_tag, const Results& results,
                                            const std::vector<oci::DiffId>& layers,
                                            const std::stop_token& stop) {
  const auto storage = TRY(open_storage(context.store, spec, true));
  cache::ExportOptions options;
  options.compression = spec.compression;
  options.level = spec.level.value_or(archive::kUsualLevel);
  options.force_compression = spec.force_compression;
  if (!spec.all_steps) options.only.emplace(layers.begin(), layers.end());
  if (spec.buildkit_form) {
    options.buildkit_tag = tag_of(spec);
    options.buildkit = &*buildkit_;
    options.results = &results;
  }
  options.stop = stop;
  const cache::ExportReport report =
      TRY(cache::export_steps(context, *storage, build_tag, options));
  return fmt::format("{} keys, {} of them new, {} layers sent", report.keys, report.written,
                     report.layers);
}

Result<void> CacheSession::write(solver::SolveContext& context, const llb::Graph& graph,
                                 const std::vector<llb::VertexId>& targets, const Results& results,
                                 const std::vector<oci::DiffId>& layers,
                                 const std::stop_token& stop) {
  const std::string tag = to_.empty() ? std::string() : cache::build_tag(graph, targets);
  solver::StepId step = kFirstStep;
  for (const auto& spec : to_) {
    if (spec.type == CacheSpec::Type::inline_image) continue;
    const std::string what = spec.reference ? spec.reference->familiar_name() : spec.path;
    context.report(solver::StepStarted{step, "exporting cache to " + what});
    auto written = write_one(context, spec, tag, results, layers, stop);
    if (written) {
      context.report(solver::StepNote{step, *written});
      context.report(solver::StepEnded{step++, solver::StepOutcome::done, {}});
      continue;
    }
    const bool fails = spec.fails_build || written.error().kind() == ErrorKind::cancelled;
    const std::string message = written.error().message();
    context.report(solver::StepEnded{step++, solver::StepOutcome::failed, message});
    if (fails) return std::move(written).error().context("exporting cache to " + what);
    context.report(solver::BuildWarning{"the cache was not exported to " + what + ": " + message});
  }
  return {};
}

}  // namespace kiln::cli
