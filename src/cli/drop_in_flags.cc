// SPDX-License-Identifier: Apache-2.0
#include "cli/drop_in_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "dockerfile/csv.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

Error no_attestation(const std::string& type) {
  return unsupported("attestations of type " + type + " can't be made")
      .with_hint(type == "sbom" ? "--sbom=false, which is the default, makes none"
                                : "--provenance=false, which is the default, makes none");
}

/// `type=TYPE,…`: only what turns one off.
Result<void> check_attestation(const std::string& text) {
  const auto fields = TRY(dockerfile::csv_fields(text));
  std::string type;
  bool disabled = false;
  for (const auto& field : fields) {
    const auto [key, value] = split_once(field, '=');
    if (!value) return invalid_input("invalid value " + field);
    if (key == "type") type = *value;
    if (key != "disabled") continue;
    const auto given = parse_bool_in_any_case(*value);
    if (!given) return invalid_input("invalid value " + field);
    disabled = *given;
  }
  if (type.empty()) return invalid_input("attestation type not specified");
  if (type != "provenance" && type != "sbom")
    return invalid_input("unknown attestation type \"" + type + "\"")
        .with_hint("type=provenance or type=sbom");
  if (!disabled) return no_attestation(type);
  return {};
}

/// The value of --provenance and --sbom: a truth, or fields of --attest.
Result<void> check_attestation(const std::string& type, const std::string& text) {
  if (text.empty()) return {};
  if (const auto truth = parse_bool_in_any_case(text)) {
    if (*truth) return no_attestation(type);
    return {};
  }
  return check_attestation("type=" + type + "," + text);
}

Result<void> check_isolation(const std::string& word) {
  if (word.empty() || word == "default" || word == "oci" || word == "rootless") return {};
  return unsupported("isolation \"" + word + "\" can't be had")
      .with_hint("steps run in an OCI runtime: default, oci and rootless all ask for it");
}

Result<void> check_builder(const std::string& name) {
  if (name.empty() || name == "default") return {};
  return not_found("no builder \"" + name + "\" found")
      .with_hint("kiln builds by itself: there is no builder but \"default\"");
}

constexpr std::array<const char*, 5> kProxies = {"http_proxy", "https_proxy", "ftp_proxy",
                                                 "no_proxy", "all_proxy"};

/// As buildah does it.
void pass_proxies(frontend::BuildOptions& options) {
  for (const std::string lower : kProxies) {
    for (const std::string& name : {lower, to_upper(lower)}) {
      if (const auto value = os::environment(name)) options.build_args.try_emplace(name, *value);
    }
  }
}

}  // namespace

void add_drop_in_flags(FlagSet& set, DropInFlags& flags) {
  add_platform_part_flags(set, flags.platform);
  set.list("--attest", flags.attest, "attestations can't be made; type=TYPE,disabled=true is taken")
      .option("--builder", flags.builder, "accepted: default")
      .flag("-D,--debug", flags.debug, "accepted: logs are whole in any case")
      .flag("--disable-content-trust", flags.distrust, "accepted: nothing is signed")
      .option("--format", flags.format, "of the image: oci or docker")
      .option("--from", flags.from, "the image of the first FROM, in place of its own")
      .flag("--http-proxy", flags.http_proxy, "give RUN the proxies of this environment")
      .flag("--identity-label", flags.identity_label, "accepted: no such label is made")
      .option("--ignorefile", flags.ignore_file, "the ignore file, in place of the context's")
      .flag("--inherit-annotations", flags.inherit_annotations, "accepted: none are inherited")
      .flag("--inherit-labels", flags.inherit_labels, "keep labels of base images (default true)")
      .option("--isolation", flags.isolation, "accepted: default, oci, rootless")
      .optional("--layers", flags.layers, "true", "false: put the layers that are new into one")
      .option("--logfile", flags.log_file, "write progress to a file")
      .flag("--omit-history", flags.omit_history, "an image without history")
      .option("--provenance", flags.provenance, "accepted: false")
      .list("--resource", flags.resources, "a limit of RUN: memory=, cpu-shares=, cpuset-cpus= …")
      .flag("--rewrite-timestamp", flags.rewrite_timestamp,
            "accepted: no file of a new layer is later than SOURCE_DATE_EPOCH")
      .option("--sbom", flags.sbom, "accepted: false")
      .list("--security-opt", flags.security, "seccomp=FILE; others are accepted")
      .flag("--skip-unused-stages", flags.skip_unused_stages, "accepted: true")
      .option("--source-date-epoch", flags.epoch, "as --build-arg SOURCE_DATE_EPOCH=SECONDS")
      .list("--unsetannotation", flags.unset_annotations, "accepted: none are inherited")
      .list("--unsetlabel", flags.unset_labels, "leave out a label of base images");
}

Result<void> apply_drop_in_flags(const DropInFlags& flags, frontend::BuildOptions& options) {
  for (const auto& text : flags.attest) TRY(check_attestation(text));
  TRY(check_attestation("provenance", flags.provenance));
  TRY(check_attestation("sbom", flags.sbom));
  TRY(check_isolation(flags.isolation));
  TRY(check_builder(flags.builder));
  if (!flags.skip_unused_stages)
    return unsupported("--skip-unused-stages=false: stages that nothing needs are never built");
  if (!flags.layers.empty()) {
    const auto layers = parse_bool_in_any_case(flags.layers);
    if (!layers)
      return invalid_input("invalid argument \"" + flags.layers + "\" for \"--layers\" flag");
    if (!*layers && options.squash == frontend::Squash::none)
      options.squash = frontend::Squash::new_layers;
  }
  options.first_base = flags.from;
  options.inherit_labels = flags.inherit_labels;
  options.unset_labels = flags.unset_labels;
  if (!flags.epoch.empty()) options.build_args["SOURCE_DATE_EPOCH"] = flags.epoch;
  if (flags.http_proxy) pass_proxies(options);
  return {};
}

Result<void> apply_resources(const DropInFlags& flags, RunStepFlags& run) {
  const std::array<std::pair<std::string_view, std::string*>, 7> known = {
      {{"memory", &run.memory},
       {"memory-swap", &run.memory_swap},
       {"cpu-shares", &run.cpu_shares},
       {"cpu-period", &run.cpu_period},
       {"cpu-quota", &run.cpu_quota},
       {"cpuset-cpus", &run.cpus},
       {"cpuset-mems", &run.memory_nodes}}};
  std::vector<std::string> names;
  for (const auto& [name, target] : known) names.emplace_back(name);
  for (const auto& text : flags.resources) {
    const auto fields = TRY(dockerfile::csv_fields(text));
    for (const auto& field : fields) {
      const auto [key, value] = split_once(field, '=');
      const auto found =
          std::ranges::find_if(known, [&](const auto& each) { return each.first == key; });
      if (!value || value->empty() || found == known.end()) {
        const auto near = nearest_word(key, names);
        return invalid_input("invalid resource \"" + field + "\"")
            .with_hint(near && *near != key ? "did you mean " + *near + "=?"
                                            : "one of " + join(names, "=, ") + "=");
      }
      *found->second = *value;
    }
  }
  return {};
}

Result<void> apply_format(const DropInFlags& flags, std::vector<BuildOutput>& outputs) {
  if (flags.format.empty()) return {};
  const auto format = TRY(parse_manifest_format(flags.format));
  for (auto& output : outputs) {
    if (output.type != BuildOutput::Type::image) continue;
    output.format = format;
    if (format == transport::ManifestFormat::docker && !output.annotations.empty())
      return invalid_input("--format docker: docker's manifests and lists have no annotations");
  }
  return {};
}

Result<std::string> seccomp_profile(const DropInFlags& flags) {
  std::string out;
  for (const auto& text : flags.security) {
    const auto at = text.find_first_of("=:");
    const std::string key = text.substr(0, at);
    const std::string value = at == std::string::npos ? "" : text.substr(at + 1);
    if (key == "seccomp") {
      if (value == "unconfined")
        return unsupported("--security-opt seccomp=unconfined can't be had for all steps")
            .with_hint("RUN --security=insecure and --allow security.insecure do it for one");
      out = value;
    } else if (key != "apparmor" && key != "label") {
      // No security module's labels are set in any case.
      return unsupported("invalid --security-opt: \"" + text + "\"")
          .with_hint("seccomp=FILE, apparmor=… and label=… are taken");
    }
  }
  return out;
}

}  // namespace kiln::cli
