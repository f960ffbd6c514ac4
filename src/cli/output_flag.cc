// SPDX-License-Identifier: Apache-2.0
#include "cli/output_flag.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "dockerfile/csv.h"

namespace kiln::cli {
namespace {

using Type = BuildOutput::Type;

/// Accepted, because what they ask for is so in any case or concerns what kiln does not make.
constexpr std::array<std::string_view, 7> kWithoutEffect = {"unpack",
                                                            "oci-artifact",
                                                            "buildinfo",
                                                            "attestation-inline",
                                                            "attestation-prefix",
                                                            "prefer-nondist-layers",
                                                            "context"};

Result<bool> bool_of(std::string_view key, std::string_view value) {
  if (const auto truth = parse_bool_in_any_case(value)) return *truth;
  return invalid_input(fmt::format("non-bool value specified for {}: {}", key, value));
}

Result<Type> parse_type(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, Type>, 8> kTypes = {
      {{"image", Type::image},
       {"moby", Type::image},
       {"registry", Type::image},
       {"oci", Type::oci},
       {"docker", Type::docker},
       {"tar", Type::tar},
       {"local", Type::local},
       {"cacheonly", Type::cache_only}}};
  for (const auto& [name, type] : kTypes) {
    if (name == word) return type;
  }
  std::vector<std::string> names;
  for (const auto& [name, type] : kTypes) names.emplace_back(name);
  Error error = invalid_input(fmt::format("exporter \"{}\" could not be found", word));
  const auto near = nearest_word(word, names);
  return near ? std::move(error).with_hint("did you mean type=" + *near + "?")
              : std::move(error).with_hint("types: image, registry, docker, oci, tar, local");
}

Result<std::vector<oci::Reference>> parse_names(std::string_view text) {
  std::vector<oci::Reference> out;
  for (const auto each : split(text, ',')) {
    if (each.empty()) continue;
    const oci::Reference name = TRY(oci::Reference::parse(each));
    out.push_back(name);
  }
  return out;
}

Result<bool> set_form(BuildOutput& out, const std::string& key, const std::string& value) {
  if (key == "compression") {
    out.form.kind = TRY(parse_compression(value));
  } else if (key == "compression-level") {
    out.form.level = TRY(parse_compression_level(value, std::nullopt));
  } else if (key == "force-compression") {
    out.form.force = true;
    if (!value.empty()) out.form.force = TRY(bool_of(key, value));
  } else if (key == "oci-mediatypes") {
    const bool oci = TRY(bool_of(key, value));
    out.format = oci ? transport::ManifestFormat::oci : transport::ManifestFormat::docker;
  } else {
    return false;
  }
  return true;
}

Result<bool> set_image_option(BuildOutput& out, const std::string& key, const std::string& value) {
  if (key == "name") {
    out.names = TRY(parse_names(value));
  } else if (key == "push") {
    out.push = TRY(bool_of(key, value));
  } else if (key == "push-by-digest") {
    out.push_by_digest = TRY(bool_of(key, value));
  } else if (key == "registry.insecure") {
    out.insecure = TRY(bool_of(key, value));
  } else if (key == "store") {
    out.store = TRY(bool_of(key, value));
  } else if (key == "name-canonical") {
    // A bare word is a yes, as BuildKit has it.
    out.name_canonical = true;
    if (!value.empty()) out.name_canonical = TRY(bool_of(key, value));
  } else if (key == "dangling-name-prefix") {
    const oci::Reference prefix = TRY(oci::Reference::parse(value));
    out.dangling_prefix = prefix;
  } else if (key == "danging-name-empty-only") {  // so spelt
    out.dangling_only_without_name = TRY(bool_of(key, value));
  } else {
    return false;
  }
  return true;
}

Result<bool> set_other_option(BuildOutput& out, const std::string& key, const std::string& value) {
  if (key == "tar") {
    bool tar = true;
    if (!value.empty()) tar = TRY(bool_of(key, value));
    out.as_directory = !tar;
  } else if (key == "platform-split") {
    out.platform_split = TRY(bool_of(key, value));
  } else if (key == "rewrite-timestamp") {
    out.rewrite_timestamp = TRY(bool_of(key, value));
  } else if (key == "source-date-epoch") {
    const auto seconds = parse_uint(value);
    if (!seconds || *seconds > INT64_MAX)
      return invalid_input("invalid source-date-epoch: " + value + " is not a number of seconds");
    out.source_date_epoch = static_cast<std::int64_t>(*seconds);
  } else if (key == "mode") {
    const std::string mode = to_lower(trim(value));
    if (!mode.empty() && mode != "copy" && mode != "delete")
      return invalid_input("invalid local exporter mode \"" + value + "\"")
          .with_hint("mode=copy or mode=delete");
    out.remove_others = mode == "delete";
  } else {
    return false;
  }
  return true;
}

Result<void> set_option(BuildOutput& out, const std::string& key, const std::string& value,
                        std::vector<std::string>& warnings) {
  bool known = TRY(set_annotation(out.annotations, key, value));
  if (!known) known = TRY(set_form(out, key, value));
  if (!known) known = TRY(set_image_option(out, key, value));
  if (!known) known = TRY(set_other_option(out, key, value));
  if (known || std::ranges::find(kWithoutEffect, key) != kWithoutEffect.end()) return {};
  warnings.push_back(fmt::format("the output option {}={} has no effect", key, value));
  return {};
}

Result<BuildOutput> parse_output(const std::string& text, std::vector<std::string>& warnings) {
  BuildOutput out;
  const auto fields = TRY(dockerfile::csv_fields(text));
  if (fields.size() == 1 && fields[0] == text && !text.starts_with("type=")) {
    out.type = text == "-" ? Type::tar : Type::local;
    out.destination = text;
    return out;
  }
  std::string type;
  std::vector<std::pair<std::string, std::string>> options;
  for (const auto& field : fields) {
    const auto [key_text, value] = split_once(field, '=');
    if (!value) return invalid_input("invalid value " + field);
    const std::string key = to_lower(trim(key_text));
    if (key == "type") {
      type = *value;
    } else if (key == "dest") {
      out.destination = *value;
    } else {
      options.emplace_back(key, *value);
    }
  }
  if (type.empty()) return invalid_input("type is required for output");
  out.type = TRY(parse_type(type));
  out.push = type == "registry";
  for (const auto& [key, value] : options) TRY(set_option(out, key, value, warnings));
  return out;
}

Result<void> check_output(const BuildOutput& out) {
  using archive::Compression;
  if (out.form.kind && out.form.level) {
    TRY(parse_compression_level(std::to_string(*out.form.level), out.form.kind));
  }
  const bool docker = out.format == transport::ManifestFormat::docker;
  if (docker && out.form.kind == Compression::zstd) {
    return invalid_input(
        "exporter option \"compression=zstd\" conflicts with \"oci-mediatypes=false\"");
  }
  if (docker && !out.annotations.empty())
    return invalid_input("cannot export annotations with \"oci-mediatypes=false\"");
  if (out.type == Type::local) {
    if (out.destination.empty()) return invalid_input("dest is required for local exporter");
    if (out.destination == "-") return invalid_input("dest cannot be stdout for local exporter");
  }
  if (out.push && out.names.empty())
    return invalid_input("tag is needed when pushing to registry").with_hint("give it one with -t");
  if (out.push_by_digest) {
    for (const auto& name : out.names) {
      if (name.tag())
        return invalid_input("can't push tagged ref " + name.familiar() + " by digest");
    }
  }
  return {};
}

}  // namespace

Result<archive::Compression> parse_compression(std::string_view word) {
  using archive::Compression;
  if (word == "gzip") return Compression::gzip;
  if (word == "zstd") return Compression::zstd;
  if (word == "uncompressed" || word == "none") return Compression::none;
  if (word == "estargz" || word == "zstd:chunked" || word == "nydus")
    return unsupported(fmt::format("compression {} is read, but not written", word))
        .with_hint("use gzip, zstd or uncompressed");
  return invalid_input(fmt::format("unsupported compression type {}", word))
      .with_hint("use gzip, zstd or uncompressed");
}

Result<int> parse_compression_level(std::string_view text,
                                    std::optional<archive::Compression> compression) {
  const auto level = parse_uint(text);
  const std::uint64_t most = compression == archive::Compression::gzip ? 9 : 22;
  if (!level)
    return invalid_input(fmt::format("non-integer value {} specified for compression-level", text));
  if (*level > most)
    return invalid_input(fmt::format("compression-level {} is above {}", text, most));
  return static_cast<int>(*level);
}

Result<transport::ManifestFormat> parse_manifest_format(std::string_view word) {
  using transport::ManifestFormat;
  if (word.empty()) return ManifestFormat::keep;
  if (word == "oci") return ManifestFormat::oci;
  if (word == "v2s2" || word == "docker") return ManifestFormat::docker;
  if (word == "v2s1")
    return unsupported("schema 1 is no longer written").with_hint("use v2s2 or oci");
  return invalid_input("unknown manifest format \"" + std::string(word) + "\"")
      .with_hint("use oci or v2s2");
}

Result<transport::LayerForm> parse_layer_form(const std::string& compression,
                                              const std::string& level, bool force) {
  transport::LayerForm out;
  out.force = force;
  if (!compression.empty()) out.kind = TRY(parse_compression(compression));
  // A level asks for compression.
  if (!level.empty() && !out.kind) out.kind = archive::Compression::gzip;
  if (!level.empty()) {
    out.level = TRY(parse_compression_level(level, out.kind));
  }
  return out;
}

Result<std::vector<BuildOutput>> parse_outputs(const OutputFlags& flags,
                                               const std::vector<std::string>& tags,
                                               std::vector<std::string>& warnings) {
  std::vector<oci::Reference> names;
  for (const auto& tag : tags) {
    const oci::Reference name = TRY(oci::Reference::parse(tag));
    names.push_back(name);
  }
  std::vector<BuildOutput> out;
  for (const auto& text : flags.outputs) {
    if (text.empty()) continue;
    BuildOutput output = TRY(parse_output(text, warnings));
    out.push_back(std::move(output));
  }
  const auto image = [](const BuildOutput& each) { return each.type == Type::image; };
  if (out.empty() || (flags.load && std::ranges::none_of(out, image))) {
    out.emplace_back();
  }
  if (flags.push) {
    if (std::ranges::none_of(out, image)) out.emplace_back();
    for (auto& each : out) each.push = each.push || each.type == Type::image;
  }
  unsigned on_standard_output = 0;
  for (auto& each : out) {
    const bool archive = each.type == Type::tar || each.type == Type::oci;
    if (archive && each.destination.empty()) each.destination = "-";
    // docker's without a destination is loaded, and so in the store.
    if (each.type == Type::docker && each.destination.empty()) each.type = Type::image;
    if (each.destination == "-") ++on_standard_output;
    if (!names.empty()) each.names = names;
    if (!each.is_files()) {
      for (const auto& text : flags.annotations) TRY(add_annotation(each.annotations, text));
    }
    TRY(check_output(each));
    if (each.push_by_digest) continue;
    for (auto& name : each.names) name = name.with_default_tag();
  }
  if (on_standard_output > 1)
    return invalid_input("only one output can be written to standard output");
  return out;
}

}  // namespace kiln::cli
