// SPDX-License-Identifier: Apache-2.0
#include "remote/git_source.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "base/strings.h"
#include "base/url.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "remote/git_program.h"
#include "remote/git_refs.h"

namespace kiln::remote {
namespace {

bool is_hex(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

Result<void> set_times(const os::Dir& dir, std::int64_t seconds) {
  const std::vector<os::DirEntry> entries = TRY(dir.list());
  for (const auto& entry : entries) {
    const auto info = TRY(dir.find(entry.name));
    if (info && info->type == os::FileType::directory) {
      const os::Dir sub = TRY(dir.open_dir(entry.name));
      TRY(set_times(sub, seconds));
    }
    TRY(dir.set_mtime(entry.name, seconds, 0));
  }
  return {};
}

/// Submodules' work trees have a file .git that leads to a place which is gone after the checkout.
Result<void> remove_git_links(const os::Dir& dir, bool is_top) {
  const std::vector<os::DirEntry> entries = TRY(dir.list());
  for (const auto& entry : entries) {
    const auto info = TRY(dir.find(entry.name));
    if (!info) continue;
    if (!is_top && entry.name == ".git" && info->type == os::FileType::file) {
      TRY(dir.remove_file(entry.name));
    } else if (info->type == os::FileType::directory && !(is_top && entry.name == ".git")) {
      const os::Dir sub = TRY(dir.open_dir(entry.name));
      TRY(remove_git_links(sub, false));
    }
  }
  return {};
}

class Checkout {
 public:
  Checkout(const Access& access, const GitCheckout& wanted) : access_(&access), wanted_(&wanted) {}

  Result<store::KeptTree> run() {
    TRY(check());
    store::ScratchDir scratch = TRY(access_->store.workspace().create_scratch());
    scratch_.emplace(std::move(scratch));
    TRY(set_up_git());
    constexpr int kAttempts = 3;
    for (int attempt = 0;; ++attempt) {
      const ResolvedRef ref = TRY(resolve());
      auto kept = TRY(access_->store.remote().find_tree(tree_key(ref)));
      if (kept) return *std::move(kept);
      const store::Mirror mirror = TRY(access_->store.remote().open_mirror("git\n" + remote_));
      const bool fetched = TRY(fetch(mirror, ref));
      if (fetched) return check_out(mirror, ref);
      // The ref moved between the two questions.
      if (attempt + 1 == kAttempts)
        return invalid_input(shown() + ": ref " + ref.name + " does not lead to commit " +
                             ref.commit);
    }
  }

 private:
  std::string shown() const { return redact_credentials(wanted_->remote); }

  Result<void> check() const {
    if (wanted_->ref.starts_with('-') ||
        wanted_->ref.find_first_of(" \t\n:?*[\\^~") != std::string::npos)
      return invalid_input("invalid git ref \"" + wanted_->ref + "\"");
    if (wanted_->remote.starts_with('-'))
      return invalid_input("invalid git remote \"" + wanted_->remote + "\"");
    if (!wanted_->checksum.empty() && !is_hex(wanted_->checksum))
      return invalid_input("invalid checksum " + wanted_->checksum +
                           " for Git URL, expected hex commit hash");
    if (wanted_->fetch_by_commit && !is_object_name(wanted_->checksum) &&
        !is_object_name(wanted_->ref))
      return invalid_input("fetch-by-commit requires a full commit SHA checksum, got \"" +
                           wanted_->checksum + "\"");
    return {};
  }

  // --- git

  Result<void> set_up_git() {
    settings_.scratch_path = scratch_->path();
    settings_.known_hosts = access_->store.paths().remote() + "/known_hosts";
    settings_.ssh = access_->ssh;
    settings_.stop = access_->stop;
    remote_ = wanted_->remote;
    const auto url = parse_url(remote_);
    if (!url) return {};
    settings_.may_read_files = url->scheme == "file";
    if (url->scheme != "http" && url->scheme != "https") return {};
    // Not on git's command line, where others see it, nor in a repository's configuration.
    remote_ = url->public_location();
    const std::string authorization = TRY(authorization_for(*url));
    if (!authorization.empty())
      settings_.config.emplace_back("http." + url->scheme + "://" + url->host + "/.extraheader",
                                    "Authorization: " + authorization);
    return {};
  }

  Result<std::string> authorization_for(const Url& url) const {
    if (access_->secrets) {
      for (const std::string& suffix : {"." + url.host, std::string()}) {
        const auto header = TRY(access_->secrets("GIT_AUTH_HEADER" + suffix));
        if (header) return std::string(trim(*header));
        const auto token = TRY(access_->secrets("GIT_AUTH_TOKEN" + suffix));
        if (token) return "basic " + base64("x-access-token:" + std::string(trim(*token)));
      }
    }
    if (!url.userinfo) return std::string();
    return "Basic " + base64(percent_decode(*url.userinfo).value_or(*url.userinfo));
  }

  Result<std::string> git(std::vector<std::string> arguments, const std::string& cwd) const {
    return run_git(settings_, std::move(arguments), cwd);
  }
  Result<std::string> git_in(const std::string& git_dir, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "--git-dir=" + git_dir);
    return git(std::move(arguments), scratch_->path());
  }

  // --- which commit

  Result<ResolvedRef> resolve() const {
    if (is_object_name(wanted_->ref)) {
      TRY(check_sum(wanted_->ref, wanted_->ref));
      return ResolvedRef{"", wanted_->ref, wanted_->ref};
    }
    if (wanted_->fetch_by_commit)
      return ResolvedRef{local_name(), wanted_->checksum, wanted_->checksum};
    std::string name = wanted_->ref;
    if (name.empty()) {
      const std::string listing =
          TRY(git({"ls-remote", "--symref", "--", remote_, "HEAD"}, scratch_->path())
                  .context("failed to fetch remote " + shown()));
      const auto branch = default_branch(listing);
      if (!branch) return invalid_input(shown() + ": the repository has no default branch");
      name = *branch;
    }
    const std::string listing =
        TRY(git({"ls-remote", "--", remote_, name, name + "^{}"}, scratch_->path())
                .context("failed to fetch remote " + shown()));
    auto ref = choose_ref(listing, name);
    if (!ref)
      return not_found(fmt::format("repository does not contain ref {}", name)).context(shown());
    TRY(check_sum(ref->object, ref->commit));
    return *std::move(ref);
  }

  /// Under which name a commit that was asked for itself is known in the checkout.
  std::string local_name() const {
    if (wanted_->ref.empty() || wanted_->ref.starts_with("refs/")) return wanted_->ref;
    return "refs/heads/" + wanted_->ref;
  }

  Result<void> check_sum(const std::string& object, const std::string& commit) const {
    const std::string& sum = wanted_->checksum;
    if (sum.empty() || object.starts_with(sum) || commit.starts_with(sum)) return {};
    return corrupt(fmt::format("expected checksum to match {}, got {}", sum,
                               object == commit ? object : object + " or " + commit));
  }

  /// All that decides what is in the tree. A commit's name stands for its content.
  std::string tree_key(const ResolvedRef& ref) const {
    std::string key = "git\n" + ref.commit + "\n" + wanted_->subdir + "\n";
    if (wanted_->git_dir == GitDir::keep) key += "keep\n" + ref.object + ref.name + "\n" + remote_;
    if (wanted_->submodules == Submodules::skip) key += "\nwithout submodules";
    if (wanted_->times == FileTimes::commit) key += "\ncommit time";
    return key;
  }

  // --- its objects

  Result<bool> has(const store::Mirror& mirror, const std::string& object) const {
    const auto found = git_in(mirror.path(), {"cat-file", "-e", object + "^{commit}"});
    if (!found && found.error().kind() != ErrorKind::invalid_input) return found.error();
    return found.ok();
  }

  /// Whether the commit is there afterwards.
  Result<bool> fetch(const store::Mirror& mirror, const ResolvedRef& ref) {
    if (!os::path_exists(mirror.path() + "/HEAD")) {
      std::vector<std::string> init = {"init", "--bare", "--quiet"};
      if (ref.commit.size() == 64) init.emplace_back("--object-format=sha256");
      TRY(git_in(mirror.path(), std::move(init)));
    }
    // Left by a git that was killed.
    os::remove_file(mirror.path() + "/shallow.lock");
    const bool there = TRY(has(mirror, ref.object));
    if (there) return true;
    const bool by_name = ref.name.empty() || wanted_->fetch_by_commit;
    const std::string what =
        by_name ? ref.commit : "+" + ref.name + ":refs/kiln/" + to_lower(ref.object);
    const auto fetched = fetch_from(mirror, {"--depth=1", "--no-tags"}, {what});
    if (!fetched) {
      if (!by_name) return fetched.error();
      if (fetched.error().kind() == ErrorKind::cancelled) return fetched.error();
      // Not every server gives out a commit that no ref leads to directly.
      std::vector<std::string> whole = {"--tags"};
      if (os::path_exists(mirror.path() + "/shallow")) whole.emplace_back("--unshallow");
      TRY(fetch_from(mirror, std::move(whole), {"+refs/heads/*:refs/remotes/kiln/*"}));
    }
    TRY(access_->store.remote().note_size(mirror));
    const bool now = TRY(has(mirror, ref.object));
    if (!now && by_name)
      return not_found(shown() + ": the repository does not contain commit " + ref.commit);
    return now;
  }

  Result<void> fetch_from(const store::Mirror& mirror, std::vector<std::string> options,
                          const std::vector<std::string>& what) const {
    const auto command = [&](const std::vector<std::string>& flags) {
      std::vector<std::string> words = {"fetch", "--force", "--no-write-fetch-head",
                                        "--no-recurse-submodules", "--update-head-ok"};
      words.insert(words.end(), flags.begin(), flags.end());
      words.insert(words.end(), {"--", remote_});
      words.insert(words.end(), what.begin(), what.end());
      return git_in(mirror.path(), std::move(words));
    };
    auto done = command(options);
    // A server of files alone knows no depth.
    if (!done && done.error().message().find("shallow") != std::string::npos) {
      std::erase(options, "--depth=1");
      done = command(options);
    }
    if (!done) return std::move(done).error().context("failed to fetch remote " + shown());
    return {};
  }

  // --- the tree

  Result<store::KeptTree> check_out(const store::Mirror& mirror, const ResolvedRef& ref) {
    store::TreeIngest ingest = TRY(access_->store.remote().create_tree());
    const bool in_subdir = !wanted_->subdir.empty() && wanted_->subdir != "/";
    const std::string work = in_subdir ? scratch_->path() + "/work" : ingest.tree_path();
    if (in_subdir) TRY(os::ensure_directory(work, 0755));
    const bool keep = wanted_->git_dir == GitDir::keep && !in_subdir;
    const std::string git_dir = keep ? work + "/.git" : scratch_->path() + "/git";
    TRY(make_repository(mirror, ref, git_dir, work, keep));
    TRY(check_out_files(git_dir, work, ref));
    if (wanted_->submodules == Submodules::fetch) TRY(fetch_submodules(git_dir, work));
    std::int64_t commit_time = 0;
    if (wanted_->times == FileTimes::commit) {
      const std::string text = TRY(git_in(git_dir, {"log", "-1", "--format=%ct", ref.commit}));
      commit_time = static_cast<std::int64_t>(parse_uint(trim(text)).value_or(0));
    }
    if (keep) {
      TRY(tidy_git_dir(git_dir));
    } else {
      const os::Dir top = TRY(os::Dir::open(work));
      TRY(remove_git_links(top, false));
    }
    if (in_subdir) TRY(take_subdir(work, ingest));
    if (wanted_->times == FileTimes::commit) {
      const os::Dir tree = TRY(os::Dir::open(ingest.tree_path()));
      TRY(set_times(tree, commit_time));
    }
    return access_->store.remote().keep(std::move(ingest), tree_key(ref));
  }

  /// A repository of its own, so that nothing of a checkout gets into the mirror. One that is not
  /// kept borrows the mirror's objects.
  Result<void> make_repository(const store::Mirror& mirror, const ResolvedRef& ref,
                               const std::string& git_dir, const std::string& work, bool keep) {
    std::vector<std::string> init = {"--work-tree=" + work, "init", "--quiet"};
    if (ref.commit.size() == 64) init.emplace_back("--object-format=sha256");
    TRY(git_in(git_dir, std::move(init)));
    if (keep) {
      // A kept repository is at home in the tree that has it.
      (void)git_in(git_dir, {"config", "--unset-all", "core.worktree"}).ok();
      GitSettings local = settings_;
      local.may_read_files = true;
      const std::string pin = "refs/kiln/checkout";
      TRY(git_in(mirror.path(), {"update-ref", pin, ref.object}));
      std::string target = ref.name;
      if (target.empty()) target = "refs/kiln/checkout";
      TRY(run_git(
          local,
          {"--git-dir=" + git_dir, "fetch", "--quiet", "--update-head-ok", "--depth=1", "--no-tags",
           "--no-recurse-submodules", "--", "file://" + mirror.path(), "+" + pin + ":" + target},
          scratch_->path()));
      if (ref.name.empty()) TRY(git_in(git_dir, {"update-ref", "-d", target}));
    } else {
      TRY(os::ensure_directory(git_dir + "/objects/info"));
      TRY(os::write_file_atomically(git_dir + "/objects/info/alternates",
                                    mirror.path() + "/objects\n"));
      const auto shallow = os::read_file(mirror.path() + "/shallow");
      if (shallow) TRY(os::write_file_atomically(git_dir + "/shallow", *shallow));
    }
    // Submodules may be named relative to it.
    TRY(git_in(git_dir, {"remote", "add", "origin", remote_}));
    return {};
  }

  Result<void> check_out_files(const std::string& git_dir, const std::string& work,
                               const ResolvedRef& ref) const {
    TRY(git({"--git-dir=" + git_dir, "--work-tree=" + work, "checkout", "--quiet", "--force",
             "--detach", ref.commit, "--"},
            work)
            .context("failed to checkout remote " + shown()));
    return {};
  }

  Result<void> fetch_submodules(const std::string& git_dir, const std::string& work) const {
    if (!os::path_exists(work + "/.gitmodules")) return {};
    std::vector<std::string> words = {"--git-dir=" + git_dir,
                                      "--work-tree=" + work,
                                      "submodule",
                                      "--quiet",
                                      "update",
                                      "--init",
                                      "--recursive",
                                      "--depth=1"};
    auto updated = git(words, work);
    if (!updated && updated.error().kind() == ErrorKind::invalid_input) {
      words.pop_back();
      updated = git(words, work);
    }
    if (!updated)
      return std::move(updated).error().context("failed to update submodules for " + shown());
    return {};
  }

  /// Nothing that tells of this machine or of the way here.
  Result<void> tidy_git_dir(const std::string& git_dir) const {
    TRY(git_in(git_dir, {"reflog", "expire", "--all", "--expire=now"}));
    for (const char* name : {"/FETCH_HEAD", "/ORIG_HEAD"}) os::remove_file(git_dir + name);
    return {};
  }

  Result<void> take_subdir(const std::string& work, const store::TreeIngest& ingest) const {
    const os::RelPath path = os::RelPath::clean(wanted_->subdir);
    const os::Dir top = TRY(os::Dir::open(work));
    os::RelPath at;
    for (const std::string_view part : path.components()) {
      at = at / part;
      const auto info = TRY(top.find_beneath(at));
      if (!info)
        return not_found("invalid subdir /" + path.str() + ": /" + at.str() +
                         " is not in the repository");
      if (info->type != os::FileType::directory)
        return invalid_input("invalid subdir /" + path.str() + ": /" + at.str() +
                             " is not a directory");
    }
    const os::Dir parent = TRY(top.open_dir_beneath(path.parent()));
    const os::Dir from = TRY(parent.open_dir(path.name()));
    const std::vector<os::DirEntry> entries = TRY(from.list());
    for (const auto& entry : entries) TRY(from.rename(entry.name, ingest.tree(), entry.name));
    return {};
  }

  const Access* access_;
  const GitCheckout* wanted_;
  std::optional<store::ScratchDir> scratch_;
  GitSettings settings_;
  std::string remote_;  ///< what git is told
};

}  // namespace

Result<store::KeptTree> check_out(const Access& access, const GitCheckout& checkout) {
  return Checkout(access, checkout).run();
}

}  // namespace kiln::remote
