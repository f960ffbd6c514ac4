// SPDX-License-Identifier: Apache-2.0
#include "cli/build_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/strings.h"
#include "cli/platform_flag.h"
#include "cli/store_images.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

constexpr unsigned kLeastJobs = 8;

/// NAME=VALUE; NAME alone takes its value from the environment and is left out if it has none
/// there.
Result<std::map<std::string, std::string>> parse_build_args(const std::vector<std::string>& args) {
  std::map<std::string, std::string> out;
  for (const auto& arg : args) {
    const auto [name, value] = split_once(arg, '=');
    if (name.empty())
      return invalid_input(fmt::format("invalid key-value pair \"{}\": empty key", arg));
    if (value) {
      out[std::string(name)] = *value;
    } else if (const auto from_environment = os::environment(std::string(name))) {
      out[std::string(name)] = *from_environment;
    }
  }
  return out;
}

/// A line is as the flag's value; blank ones and such that begin with # don't count. What is in
/// `out` already stays.
Result<void> read_build_args(const std::string& path, std::map<std::string, std::string>& out) {
  const std::string text = TRY(os::read_file(path).context("failed to read build arguments"));
  std::vector<std::string> lines;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view word = trim(line);
    if (!word.empty() && !word.starts_with('#')) lines.emplace_back(word);
  }
  auto args = parse_build_args(lines);
  if (!args) return std::move(args).error().context(path);
  out.merge(*args);
  return {};
}

/// NAME=VALUE; NAME alone as above.
Result<std::vector<std::string>> parse_env(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (const auto& word : words) {
    const auto [name, value] = split_once(word, '=');
    if (name.empty()) return invalid_input("invalid environment variable: \"" + word + "\"");
    if (value) {
      out.push_back(word);
    } else if (const auto ours = os::environment(word)) {
      out.push_back(word + "=" + *ours);
    }
  }
  return out;
}

Result<void> check_pull(const std::string& word) {
  TRY(parse_pull_policy(word));
  return {};
}

Result<std::int64_t> parse_seconds(const std::string& what, const std::string& text) {
  const auto seconds = parse_uint(text);
  if (!seconds || *seconds > INT64_MAX)
    return invalid_input("invalid " + what + ": " + text + " is not a number of seconds");
  return static_cast<std::int64_t>(*seconds);
}

}  // namespace

FlagSet build_flag_set(const Session& session, BuildFlags& flags) {
  FlagSet set(session.command, "[OPTIONS] PATH | URL | -", "Build an image from a Dockerfile");
  set.list("--build-arg", flags.build_args,
           "value of a build argument, NAME=VALUE or NAME from the environment")
      .list("--build-arg-file", flags.build_arg_files,
            "a file with a build argument in each line; --build-arg comes before it")
      .list("--cache-from", flags.cache_from,
            "a cache to read: type=local,src=DIR, type=registry,ref=REPOSITORY, or an image")
      .list("--cache-to", flags.cache_to,
            "a cache to write: type=local,dest=DIR, type=registry,ref=REPOSITORY or type=inline, "
            "with mode=min or max")
      .option("--call", flags.call,
              "answer instead of building: check, outline or targets, with ,format=json")
      .flag("--check", flags.check, "report what the rules say of the Dockerfile: --call=check")
      .optional("--dry-run", flags.dry_run, "text",
                "print what would hit and what would run, and change nothing: text or json")
      .optional("--explain", flags.explain, "text",
                "print why the steps that ran were not in the cache: text or json")
      .list("--build-context", flags.build_contexts,
            "more files or images by name, NAME=DIRECTORY, docker-image://IMAGE, "
            "oci-layout://DIRECTORY[:TAG], a git repository or URL")
      .option("-f,--file", flags.file,
              "the Dockerfile (default PATH/Dockerfile; - is standard input, or a URL)")
      .flag("--compress", flags.compress, "accepted: a context is never sent anywhere")
      .list("--env", flags.env, "NAME=VALUE, as if by ENV at the beginning of every stage")
      .flag("--force-rm", flags.force_remove, "accepted: nothing is left of a step in any case")
      .option("--iidfile", flags.iidfile, "write the image's ID to a file")
      .option("--jobs", flags.jobs,
              "steps at once (default, and 0: twice the processors, at least 8)")
      .list("--label", flags.labels, "a label of the image, NAME=VALUE")
      .list("--annotation", flags.output.annotations, "of the image's manifest, KEY=VALUE")
      .flag("--load", flags.output.load, "put the image into the store besides other outputs")
      .option("--metadata-file", flags.metadata_file, "write what came out to a file, as JSON")
      .list("-o,--output", flags.output.outputs,
            "where the result goes: a directory, - for a tar archive, or "
            "type=image|registry|oci|docker|tar|local,dest=PATH,...")
      .flag("--push", flags.output.push, "send the image to its registry")
      .flag("--no-cache", flags.no_cache, "run every step again")
      .option("--print", flags.print, "ast: print the Dockerfile's tree as JSON and build nothing")
      .list("--no-cache-filter", flags.no_cache_stages, "run every step of these stages again")
      .list("--platform", flags.platforms,
            "what the result is for: os/architecture[/variant], or several of them")
      .option("--progress", flags.progress, "auto, none, plain, tty, quiet or rawjson")
      .optional("--pull", flags.pull, "true",
                "when to pull base images: always, missing, never or newer")
      .checked(check_pull)
      .flag("-q,--quiet", flags.quiet, "print the image's ID alone")
      .flag("--rm", flags.remove, "accepted: nothing is left of a step in any case")
      .option("--runtime", flags.runtime, "the OCI runtime that runs steps")
      .list("--runtime-flag", flags.runtime_flags, "a flag for it, without --")
      .flag("--squash", flags.squash, "put the layers that are new into one")
      .flag("--squash-all", flags.squash_all, "put all layers into one, the base image's too")
      .list("-t,--tag", flags.tags, "a name for the image, NAME[:TAG]")
      .option("--target", flags.target, "the stage to build")
      .option("--timestamp", flags.timestamp,
              "seconds since 1970: the time of the image and of all files of its new layers")
      .list("--unsetenv", flags.unset_env, "take a variable out of the image's configuration")
      .arguments(1, 1);
  add_run_step_flags(set, flags.run);
  add_drop_in_flags(set, flags.drop_in);
  add_registry_flags(set, flags.registry);
  add_retry_flags(set, flags.registry, "--retry");
  return set;
}

Result<void> settle_build_flags(BuildFlags& flags) {
  const std::string platform = TRY(platform_of(flags.drop_in.platform));
  if (!platform.empty() && !flags.platforms.empty())
    return invalid_input("--platform says it already: --os, --arch and --variant can't be given");
  if (!platform.empty()) flags.platforms = {platform};
  if (!flags.drop_in.epoch.empty() && !flags.timestamp.empty())
    return invalid_input("--timestamp and --source-date-epoch can't be given together");
  return apply_resources(flags.drop_in, flags.run);
}

Result<std::vector<oci::Reference>> parse_tags(const std::vector<std::string>& tags) {
  std::vector<oci::Reference> out;
  for (const auto& tag : tags) {
    auto reference = oci::Reference::parse(tag);
    if (!reference) {
      const bool upper = to_lower(tag.substr(0, tag.find(':'))) != tag.substr(0, tag.find(':'));
      return invalid_input(
          fmt::format("invalid tag \"{}\": {}", tag,
                      upper ? "repository name must be lowercase" : "invalid reference format"));
    }
    if (reference->digest())
      return invalid_input(
          fmt::format("invalid tag \"{}\": a digest can't be given to an image", tag));
    out.push_back(reference->with_default_tag());
  }
  return out;
}

Result<frontend::BuildOptions> build_options(const BuildFlags& flags) {
  frontend::BuildOptions out;
  out.target = flags.target;
  out.build_args = TRY(parse_build_args(flags.build_args));
  // Of several files that say something of an argument, the last one counts.
  for (std::size_t i = flags.build_arg_files.size(); i-- > 0;)
    TRY(read_build_args(flags.build_arg_files[i], out.build_args));
  for (const auto& label : flags.labels) {
    const auto [name, value] = split_once(label, '=');
    if (name.empty()) return invalid_input("invalid label \"" + label + "\": it has no name");
    out.labels[std::string(name)] = value.value_or("");
  }
  for (const auto& text : flags.no_cache_stages) {
    for (const std::string_view name : split(text, ','))
      if (!name.empty()) out.no_cache_stages.emplace_back(name);
  }
  out.env = TRY(parse_env(flags.env));
  out.unset_env = flags.unset_env;
  TRY(apply_run_step_flags(flags.run, out));
  out.platform = host_platform();
  const auto platforms = TRY(build_platforms(flags.platforms));
  if (!platforms.empty()) out.target_platform = platforms.front();
  out.names_platforms = platforms.size() > 1;
  // Read from the environment too, and then seen by ARG, as docker's client does it.
  if (const auto epoch = os::environment("SOURCE_DATE_EPOCH"))
    out.build_args.try_emplace("SOURCE_DATE_EPOCH", *epoch);
  if (!flags.timestamp.empty()) {
    out.source_date_epoch = TRY(parse_seconds("--timestamp", flags.timestamp));
    out.all_mtimes = true;
  }
  if (flags.squash) out.squash = frontend::Squash::new_layers;
  if (flags.squash_all) out.squash = frontend::Squash::all;
  TRY(apply_drop_in_flags(flags.drop_in, out));
  return out;
}

Result<unsigned> job_count(const BuildFlags& flags) {
  // Steps mostly wait, for a disk, a server or a sleep: more of them than processors is right.
  const auto jobs = parse_uint(flags.jobs.empty() ? "0" : flags.jobs);
  if (!jobs || *jobs > 1024) return invalid_input("invalid number of jobs: " + flags.jobs);
  // As in buildah.
  if (*jobs == 0) return std::max(kLeastJobs, 2 * os::processor_count());
  return static_cast<unsigned>(*jobs);
}

}  // namespace kiln::cli
