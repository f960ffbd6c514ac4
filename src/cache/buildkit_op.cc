// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_op.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "base/base64.h"
#include "base/paths.h"
#include "base/strings.h"
#include "cache/buildkit_json.h"
#include "cache/buildkit_mounts.h"
#include "dockerfile/glob.h"
#include "dockerfile/ignore.h"

namespace kiln::cache {
namespace {

std::string digest_of(std::string_view text) { return oci::Digest::of(text).str(); }

/// What a record of output `output` of something with this digest is called.
std::string record_of(const std::string& digest, int output) {
  return digest_of(fmt::format("{}@{}", digest, output));
}

// --- COPY, ADD, WORKDIR

/// One part of an owner, as in `--chown=USER:GROUP`; nullopt where Go would read a number that
/// isn't written as one usually is.
std::optional<std::string> owner_part(std::string_view part, int base) {
  std::uint64_t id = 0;
  const auto number = parse_uint(part);
  if (number && *number <= INT32_MAX) {
    id = *number;
  } else if (number || part.starts_with('+') || part.starts_with('-')) {
    return std::nullopt;
  } else if (!part.empty() && part != "root") {
    // In scratch there is nobody to find.
    if (base < 0) return std::nullopt;
    const std::string name = JsonText().field("name", std::string(part)).text();
    return JsonText().raw("User", JsonText().raw("byName", name).text()).text();
  }
  JsonText user;
  if (id != 0) user.field("byId", static_cast<std::int64_t>(id));
  return JsonText().raw("User", user.text()).text();
}

/// Adds the owner, if there is one. Whether it can be told.
bool add_owner(JsonText& out, const std::string& owner, int base) {
  if (owner.empty()) return true;
  const auto [user, group] = split_once(owner, ':');
  JsonText parts;
  const auto first = owner_part(user, base);
  if (!first) return false;
  parts.raw("user", *first);
  if (group) {
    const auto second = owner_part(*group, base);
    if (!second) return false;
    parts.raw("group", *second);
  }
  out.raw("owner", parts.text());
  return true;
}

struct Mode {
  std::int64_t number = -1;
  std::string text;
};
Mode mode_of(const std::string& chmod) {
  if (chmod.empty()) return {};
  if (const auto octal = parse_uint(chmod, 8)) return {static_cast<std::int64_t>(*octal), {}};
  return {0, chmod};
}

/// As Go's path.Base has it.
std::string last_element(const std::string& path) {
  const std::string_view name = base_name(path);
  return std::string(name.empty() ? "/" : name);
}

/// What of an input is read, of several copies: those below others go, and all stand in order.
std::vector<BuildkitFiles> distinct(const std::vector<BuildkitFiles>& all) {
  const auto is_plain = [](const BuildkitFiles& files) {
    return !files.wildcard && files.include.empty() && files.exclude.empty();
  };
  std::vector<BuildkitFiles> out;
  for (const bool follow : {false, true}) {
    std::vector<std::string> paths;
    for (const auto& files : all)
      if (is_plain(files) && files.follow_links == follow) paths.push_back(files.path);
    for (auto& path : distinct_paths(std::move(paths)))
      out.push_back({.path = std::move(path), .follow_links = follow});
  }
  std::ranges::copy_if(all, std::back_inserter(out), std::not_fn(is_plain));
  std::ranges::stable_sort(out, {}, &BuildkitFiles::path);
  return out;
}

class FileOpBuilder {
 public:
  FileOpBuilder(const llb::Graph& graph, const llb::Vertex& vertex, llb::VertexId base)
      : graph_(&graph), vertex_(&vertex) {
    if (graph.is_scratch(base)) return;
    base_ = 0;
    inputs_.push_back({.vertex = base});
    reads_.emplace_back();
  }

  std::optional<BuildkitOp> build(const llb::FileOp& op) {
    if (op.mtime) return std::nullopt;
    std::vector<int> sources;
    for (const auto& action : op.actions) {
      const auto source = std::visit([this](const auto& each) { return add(each); }, action);
      if (!source) return std::nullopt;
      sources.push_back(*source);
    }
    JsonText out;
    out.field("Type", "buildkit.file.v0");
    JsonList actions;
    for (const auto& action : actions_) actions.add(base64(action));
    out.raw("Actions", actions.text());
    if (const std::string places = indexes(sources); !places.empty()) out.raw("indexes", places);
    select();
    return BuildkitOp{record_of(digest_of(out.text()), 0), std::move(inputs_)};
  }

 private:
  /// The input that an action reads, -1 for none; nullopt for an action that can't be told.
  std::optional<int> add(const llb::MkdirAction& mkdir) {
    JsonText out;
    out.field("path", dockerfile::clean_path(mkdir.path)).field("mode", std::int64_t{mkdir.mode});
    out.flag("makeParents", true);
    if (!add_owner(out, mkdir.owner, base_)) return std::nullopt;
    actions_.push_back(out.field("timestamp", std::int64_t{-1}).text());
    return -1;
  }

  std::optional<int> add(const llb::CopyAction& copy) {
    const llb::VertexId source = vertex_->inputs[copy.source];
    const llb::Op& op = graph_->vertex(source).op;
    const bool is_fetched = llb::gives_files(op) && !std::holds_alternative<llb::LocalSource>(op);
    // An escaped character is a pattern here, and none there.
    const bool is_escaped = copy.pattern.find('\\') != std::string::npos;
    if (is_fetched || is_escaped || copy.with_directory || graph_->is_scratch(source))
      return std::nullopt;
    JsonText out;
    out.field("src", last_element(copy.pattern)).field("dest", copy.destination);
    if (!add_owner(out, copy.chown, base_)) return std::nullopt;
    const Mode mode = mode_of(copy.chmod);
    if (mode.number != 0) out.field("mode", mode.number);
    out.flag("followSymlink", true).flag("dirCopyContents", true);
    out.flag("attemptUnpackDockerCompatibility", copy.unpack).flag("createDestPath", true);
    out.flag("allowWildcard", true).flag("allowEmptyWildcard", true);
    out.field("timestamp", std::int64_t{-1});
    BuildkitFiles files;
    files.path = copy.pattern;
    files.wildcard = dockerfile::has_glob_characters(copy.pattern);
    files.exclude = copy.exclude;
    if (copy.below) {
      // An empty one is a pattern of BuildKit's that matches nothing.
      if (copy.below->empty()) return std::nullopt;
      files.include = {*copy.below};
      out.raw("include_patterns", JsonList().add(*copy.below).text());
    }
    if (!copy.exclude.empty()) {
      JsonList patterns;
      for (const auto& pattern : copy.exclude) patterns.add(pattern);
      out.raw("exclude_patterns", patterns.text());
    }
    if (!mode.text.empty()) out.field("modeStr", mode.text);
    actions_.push_back(out.text());
    return read(input_of(source), std::move(files));
  }

  /// BuildKit makes the file in a file system of its own, and copies it from there.
  std::optional<int> add(const llb::InlineFileAction& file) {
    JsonText out;
    out.field("src", last_element(file.name)).field("dest", file.destination);
    if (!add_owner(out, file.chown, base_)) return std::nullopt;
    const Mode mode = mode_of(file.chmod);
    if (mode.number != 0) out.field("mode", mode.number);
    out.flag("createDestPath", true).field("timestamp", std::int64_t{-1});
    if (!mode.text.empty()) out.field("modeStr", mode.text);
    actions_.push_back(out.text());
    const std::string path = dockerfile::clean_path("/" + file.name);
    return read(input_of(buildkit_inline_file(path, 0644, file.content)),
                {.path = path, .follow_links = false});
  }

  int input_of(llb::VertexId vertex) {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (inputs_[i].root.empty() && inputs_[i].vertex == vertex) return static_cast<int>(i);
    return add_input({.vertex = vertex});
  }
  int input_of(const std::string& root) {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (inputs_[i].root == root) return static_cast<int>(i);
    return add_input({.root = root});
  }
  int add_input(BuildkitInput input) {
    inputs_.push_back(std::move(input));
    reads_.emplace_back();
    return static_cast<int>(inputs_.size()) - 1;
  }
  int read(int input, BuildkitFiles files) {
    reads_[static_cast<std::size_t>(input)].push_back(std::move(files));
    return input;
  }

  /// Which input and which action each action goes on from; empty for the usual case, which
  /// BuildKit leaves out.
  std::string indexes(const std::vector<int>& sources) const {
    bool usual = true;
    JsonList out;
    const int count = static_cast<int>(sources.size());
    for (int i = 0; i < count; ++i) {
      const int from = i == 0 ? base_ : static_cast<int>(inputs_.size()) + i - 1;
      const int source = sources[static_cast<std::size_t>(i)];
      const int to = i + 1 == count ? 0 : -1;
      usual = usual && from == (i == 0 ? 0 : count + i - 1) && (source == -1 || source == 1);
      out.raw(fmt::format("[{},{},{}]", from, source, to));
    }
    return usual ? std::string() : out.text();
  }

  /// An input that is written to counts as a whole.
  void select() {
    for (std::size_t i = base_ == 0 ? 1 : 0; i < inputs_.size(); ++i) {
      std::vector<std::string> paths;
      for (const auto& files : reads_[i]) paths.push_back(files.path);
      std::ranges::sort(paths, std::greater());
      inputs_[i].selector = digest_of(join(paths, std::string_view("\0", 1)));
      inputs_[i].files = distinct(reads_[i]);
    }
  }

  const llb::Graph* graph_;
  const llb::Vertex* vertex_;
  int base_ = -1;
  std::vector<BuildkitInput> inputs_;
  std::vector<std::vector<BuildkitFiles>> reads_;  ///< by input
  std::vector<std::string> actions_;
};

// --- RUN

std::optional<BuildkitOp> exec_op(const llb::Graph& graph, const llb::Vertex& vertex,
                                  const llb::ExecOp& op, const oci::Platform& host) {
  // A foreign ARM's variant is not told, and another one is another key.
  if (!op.devices.empty() || !op.host_names.empty() || !op.ulimits.empty() || !op.volumes.empty() ||
      op.max_mtime || op.architecture == "arm")
    return std::nullopt;
  auto mounts = buildkit_mounts(graph, vertex, op);
  if (!mounts) return std::nullopt;
  JsonText meta;
  JsonList args, env;
  for (const auto& word : op.argv) args.add(word);
  for (const auto& pair : op.env) env.add(pair);
  meta.raw("args", args.text());
  if (!op.env.empty()) meta.raw("env", env.text());
  meta.field("cwd", op.cwd);
  if (!op.user.empty()) meta.field("user", op.user);
  if (!op.hostname.empty()) meta.field("hostname", op.hostname);
  meta.flag("removeMountStubsRecursive", true);
  JsonText exec;
  exec.raw("meta", meta.text());
  if (!mounts->json.empty()) exec.raw("mounts", mounts->json);
  if (op.network == llb::NetworkMode::none) exec.field("network", std::int64_t{2});
  if (op.network == llb::NetworkMode::host && op.host_network_named)
    exec.field("network", std::int64_t{1});
  if (op.security == llb::SecurityMode::insecure) exec.field("security", std::int64_t{1});
  if (!mounts->secret_env.empty()) exec.raw("secretenv", mounts->secret_env);
  JsonText out;
  out.field("Type", "buildkit.exec.v0").raw("Exec", exec.text()).field("OS", host.os);
  out.field("Arch", op.architecture.empty() ? host.architecture : op.architecture);
  if (op.architecture.empty() && !host.variant.empty()) out.field("Variant", host.variant);
  return BuildkitOp{record_of(digest_of(out.text()), 0), std::move(mounts->inputs)};
}

// --- COPY --link

std::optional<BuildkitOp> merge_op(const llb::Vertex& vertex) {
  JsonList list;
  BuildkitOp out;
  for (std::size_t i = 0; i < vertex.inputs.size(); ++i) {
    JsonText input;
    if (i > 0) input.field("input", static_cast<std::int64_t>(i));
    list.raw(input.text());
    out.inputs.push_back({.vertex = vertex.inputs[i]});
  }
  JsonText op;
  op.field("Type", "buildkit.merge.v0");
  op.raw("Merge", JsonText().raw("inputs", list.text()).text());
  out.record = record_of(digest_of(op.text()), 0);
  return out;
}

}  // namespace

std::optional<BuildkitOp> buildkit_op(const llb::Graph& graph, llb::VertexId vertex,
                                      const oci::Platform& host) {
  const llb::Vertex& it = graph.vertex(vertex);
  if (const auto* file = std::get_if<llb::FileOp>(&it.op))
    return FileOpBuilder(graph, it, it.inputs.front()).build(*file);
  if (const auto* exec = std::get_if<llb::ExecOp>(&it.op)) return exec_op(graph, it, *exec, host);
  if (std::holds_alternative<llb::MergeOp>(it.op)) return merge_op(it);
  return std::nullopt;
}

std::optional<BuildkitOp> unmerged_buildkit_op(const llb::Graph& graph, llb::VertexId vertex) {
  const llb::Vertex& it = graph.vertex(vertex);
  if (!std::holds_alternative<llb::MergeOp>(it.op) || it.inputs.size() != 2) return std::nullopt;
  const llb::Vertex& copy = graph.vertex(it.inputs[1]);
  const auto* file = std::get_if<llb::FileOp>(&copy.op);
  if (file == nullptr) return std::nullopt;
  return FileOpBuilder(graph, copy, it.inputs[0]).build(*file);
}

std::string buildkit_image_record(const std::vector<oci::DiffId>& layers) {
  const std::string source = "buildkit.source.v0:" + oci::chain_id(layers).str();
  return record_of(digest_of(source), 0);
}

std::string buildkit_content_record(const std::string& checksum) { return record_of(checksum, -1); }

std::string buildkit_inline_file(const std::string& path, std::uint32_t mode,
                                 const std::string& content) {
  JsonText file;
  file.field("path", path).field("mode", std::int64_t{mode});
  if (!content.empty()) file.field("data", base64(content));
  file.field("timestamp", std::int64_t{-1});
  JsonText out;
  out.field("Type", "buildkit.file.v0").raw("Actions", JsonList().add(base64(file.text())).text());
  out.raw("indexes", "[[-1,-1,0]]");
  return record_of(digest_of(out.text()), 0);
}

std::vector<std::string> distinct_paths(std::vector<std::string> paths) {
  if (paths.size() <= 1) return paths;
  std::ranges::sort(paths);
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  std::vector<std::string> out;
  for (const auto& path : paths) {
    const bool is_below = std::ranges::any_of(paths, [&](const std::string& other) {
      return other != path && path.starts_with(other.ends_with('/') ? other : other + "/");
    });
    if (!is_below) out.push_back(path);
  }
  return out;
}

}  // namespace kiln::cache
