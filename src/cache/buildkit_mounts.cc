// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_mounts.h"

#include <algorithm>
#include <variant>

#include "base/paths.h"
#include "base/strings.h"
#include "cache/buildkit_json.h"

namespace kiln::cache {
namespace {

/// In place of the number of an input or output that there is not.
constexpr std::int64_t kNone = -1;

/// A kind of mount, in BuildKit's numbers.
enum Kind : std::int64_t { kSecret = 1, kAgent = 2, kCache = 3, kTmpfs = 4 };

/// A mount whose place among the others is by its target.
struct Mount {
  std::string target;
  bool read_only = false;
  std::optional<BuildkitInput> input = std::nullopt;
  std::string source = "/";  ///< in the input
  std::string more = {};     ///< an object whose members follow those that all have
};

class MountList {
 public:
  MountList(const llb::Graph& graph, const llb::Vertex& vertex)
      : graph_(&graph), vertex_(&vertex) {}

  std::optional<BuildkitMounts> build(const llb::ExecOp& op) {
    for (const auto& file : op.inline_mounts) add(file);
    for (const auto& mount : op.mounts) {
      const bool is_known = std::visit([this](const auto& each) { return add(each); }, mount);
      if (!is_known) return std::nullopt;
    }
    if (op.shm_size != 0) add(llb::TmpfsMount{"/dev/shm", op.shm_size, false});
    std::ranges::stable_sort(mounts_, {}, &Mount::target);
    add_root();
    for (auto& mount : mounts_) append(mount);
    for (const auto& mount : last_) list_.raw(mount);
    select();
    BuildkitMounts out;
    if (!mounts_.empty() || !last_.empty()) out.json = list_.text();
    if (!secret_env_.empty()) out.secret_env = secret_env_.text();
    out.inputs = std::move(inputs_);
    return out;
  }

 private:
  void add(const llb::InlineMount& file) {
    const std::string name(base_name(file.path));
    mounts_.push_back({.target = file.path.substr(0, file.path.size() - name.size()),
                       .read_only = true,
                       .input = BuildkitInput{
                           .root = buildkit_inline_file("/" + name, file.mode, file.content)}});
  }

  bool add(const llb::BindMount& bind) {
    mounts_.push_back({.target = bind.target,
                       .read_only = bind.read_only,
                       .input = BuildkitInput{.vertex = context_below(vertex_->inputs[bind.input])},
                       .source = bind.source});
    return true;
  }

  /// What is mounted of a context is copied here, and there the context itself is mounted.
  llb::VertexId context_below(llb::VertexId vertex) const {
    const llb::Vertex& it = graph_->vertex(vertex);
    const auto* file = std::get_if<llb::FileOp>(&it.op);
    if (file == nullptr || file->actions.size() != 1) return vertex;
    const auto* copy = std::get_if<llb::CopyAction>(&file->actions.front());
    return copy != nullptr && copy->with_directory ? it.inputs[copy->source] : vertex;
  }

  bool add(const llb::CacheMount& cache) {
    if (cache.input || cache.owner.any() || cache.source != "/") return false;
    JsonText options;
    // An ID of one's own and a way of sharing are no part of the digest.
    const bool is_usual = cache.id == cache.target || "/" + cache.id == cache.target;
    if (is_usual && cache.sharing == llb::CacheSharing::shared) options.field("ID", "/" + cache.id);
    return add_made(cache, kCache, "cacheOpt", options);
  }

  bool add(const llb::TmpfsMount& tmpfs) {
    JsonText options;
    if (tmpfs.size != 0) options.field("size", static_cast<std::int64_t>(tmpfs.size));
    return add_made(tmpfs, kTmpfs, "TmpfsOpt", options);
  }

  /// A mount of what BuildKit makes itself, with `options` in the member `name`.
  template <typename MadeMount>
  bool add_made(const MadeMount& mount, Kind kind, std::string_view name, const JsonText& options) {
    mounts_.push_back(
        {.target = mount.target,
         .read_only = mount.read_only,
         .more = JsonText().field("mountType", kind).raw(name, options.text()).text()});
    return true;
  }

  bool add(const llb::SecretMount& secret) {
    if (!secret.env.empty()) {
      JsonText env;
      env.field("ID", secret.id).field("name", secret.env).flag("optional", !secret.required);
      secret_env_.raw(env.text());
    }
    if (!secret.target.empty())
      add_last(secret.target, kSecret, "secretOpt", secret.id, secret.owner, llb::kSecretMode,
               secret.required);
    return true;
  }

  bool add(const llb::SshMount& ssh) {
    // An agent without an ID of its own has none there.
    add_last(ssh.target, kAgent, "SSHOpt", ssh.id == "default" ? std::string() : ssh.id, ssh.owner,
             llb::kAgentMode, ssh.required);
    return true;
  }

  void add_last(const std::string& target, Kind kind, std::string_view name, const std::string& id,
                const llb::MountOwner& owner, std::uint32_t usual_mode, bool required) {
    JsonText options;
    if (!id.empty()) options.field("ID", id);
    if (owner.uid.value_or(0) != 0) options.field("uid", std::int64_t{*owner.uid});
    if (owner.gid.value_or(0) != 0) options.field("gid", std::int64_t{*owner.gid});
    if (owner.mode.value_or(usual_mode) != 0)
      options.field("mode", std::int64_t{owner.mode.value_or(usual_mode)});
    options.flag("optional", !required);
    JsonText out;
    out.field("input", kNone).field("dest", target).field("mountType", kind);
    last_.push_back(out.raw(name, options.text()).text());
  }

  void add_root() {
    inputs_.push_back({.vertex = vertex_->inputs.front()});
    reads_.push_back({"/"});
    by_content_.push_back(false);
    list_.raw(R"({"dest":"/"})");
  }

  void append(Mount& mount) {
    std::int64_t number = kNone;
    if (mount.input) {
      const auto known = std::ranges::find_if(inputs_, [&](const BuildkitInput& input) {
        return input.root == mount.input->root && input.vertex == mount.input->vertex;
      });
      number = known - inputs_.begin();
      if (known == inputs_.end()) {
        inputs_.push_back(*std::move(mount.input));
        reads_.emplace_back();
        by_content_.push_back(false);
      }
      reads_[static_cast<std::size_t>(number)].push_back(mount.source);
      // The last mount of an input decides.
      by_content_[static_cast<std::size_t>(number)] = true;
    }
    JsonText out;
    if (number != 0) out.field("input", number);
    out.field("dest", mount.target).field("output", kNone).flag("readonly", mount.read_only);
    std::string text = out.text();
    if (!mount.more.empty()) text.replace(text.size() - 1, 1, "," + mount.more.substr(1));
    list_.raw(text);
  }

  void select() {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      inputs_[i].selector = oci::Digest::of(join(reads_[i], std::string_view("\0", 1))).str();
      if (!by_content_[i]) continue;
      const bool all = std::ranges::find(reads_[i], "/") != reads_[i].end();
      if (all) {
        inputs_[i].files = {{.path = "/", .follow_links = false}};
        continue;
      }
      for (auto& path : distinct_paths(reads_[i]))
        inputs_[i].files.push_back({.path = std::move(path)});
    }
  }

  const llb::Graph* graph_;
  const llb::Vertex* vertex_;
  std::vector<Mount> mounts_;
  std::vector<std::string> last_;
  std::vector<BuildkitInput> inputs_;
  std::vector<std::vector<std::string>> reads_;  ///< by input: what is mounted of it
  std::vector<bool> by_content_;                 ///< by input
  JsonList list_, secret_env_;
};

}  // namespace

std::optional<BuildkitMounts> buildkit_mounts(const llb::Graph& graph, const llb::Vertex& vertex,
                                              const llb::ExecOp& op) {
  return MountList(graph, vertex).build(op);
}

}  // namespace kiln::cache
