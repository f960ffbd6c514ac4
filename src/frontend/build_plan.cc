// SPDX-License-Identifier: Apache-2.0
#include "frontend/build_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/strings.h"
#include "frontend/placed_error.h"
#include "frontend/stage_lowering.h"
#include "frontend/step_names.h"
#include "oci/reference.h"

namespace kiln::frontend {
namespace {

namespace df = dockerfile;

class Planner {
 public:
  Planner(const df::Dockerfile& file, const BuildOptions& options, BaseImages& images,
          GlobalArgs globals, llb::Graph graph)
      : file_(&file),
        options_(&options),
        images_(&images),
        globals_(std::move(globals)),
        states_(file.stages.size()) {
    plan_.graph = std::move(graph);
  }

  Result<BuildPlan> run() {
    const std::size_t target = TRY(find_target());
    const StageState state = TRY(stage(target));
    plan_.result = state.root;
    plan_.config = state.config;
    // The base images may be for another one: the image is for what the user asked for.
    if (options_->target_platform) set_platform(plan_.config.platform, *options_->target_platform);
    plan_.history = state.history;
    squash();
    for (const auto& [key, value] : options_->labels) plan_.config.config.labels[key] = value;
    std::erase_if(plan_.config.config.env, [this](const std::string& pair) {
      return std::ranges::find(options_->unset_env, split_once(pair, '=').first) !=
             options_->unset_env.end();
    });
    return std::move(plan_);
  }

 private:
  /// A variant that is not asked for stays what the base image says, for the same architecture.
  static void set_platform(oci::Platform& platform, const oci::Platform& wanted) {
    const bool same = platform.os == wanted.os && platform.architecture == wanted.architecture;
    const std::string variant = same && wanted.variant.empty() ? platform.variant : wanted.variant;
    platform = wanted;
    platform.variant = variant;
  }

  /// What the steps did stays told, but the one layer is the last one's.
  void squash() {
    if (options_->squash == Squash::none) return;
    const bool all = options_->squash == Squash::all;
    const std::size_t kept = all ? 0 : plan_.config.diff_ids.size();
    const auto makes_layer = [](const HistoryStep& step) { return step.layer.has_value(); };
    const auto made = std::ranges::count_if(plan_.history, makes_layer);
    if (plan_.config.diff_ids.size() - kept + static_cast<std::size_t>(made) < 2) return;
    llb::Origin origin;
    origin.name = "squashing layers";
    if (options_->names_platforms)
      origin.name = "[" + options_->wanted_platform().str() + "] " + origin.name;
    origin.instruction = all ? "--squash-all" : "--squash";
    origin.place = origin.instruction;
    const bool uncached = plan_.graph.vertex(plan_.result).ignore_cache;
    plan_.result =
        plan_.graph.add({llb::SquashOp{kept}, {plan_.result}, std::move(origin), uncached});
    if (all) {
      plan_.config.diff_ids.clear();
      plan_.config.history.clear();
    }
    for (auto& step : plan_.history) step.layer.reset();
    if (plan_.history.empty()) plan_.history.push_back({"--squash-all", std::nullopt});
    plan_.history.back().layer = plan_.result;
  }

  Result<std::size_t> find_target() {
    if (options_->target.empty()) return file_->stages.size() - 1;
    const auto found = find_named_stage(to_lower(options_->target), file_->stages.size());
    if (found) return *found;
    std::vector<std::string> names;
    for (const auto& s : file_->stages) {
      if (!s.name.empty()) names.push_back(s.name);
    }
    Error error = not_found("target stage \"" + options_->target + "\" could not be found");
    const auto near = nearest_word(options_->target, names);
    if (near) return std::move(error).with_hint("did you mean " + *near + "?");
    if (names.empty()) return error;
    return std::move(error).with_hint("the stages are: " + join(names, ", "));
  }

  /// A stage before number `end`, by name (the last of that name) or by index.
  std::optional<std::size_t> find_stage(const std::string& name, std::size_t end) const {
    const std::string lower = to_lower(name);
    for (std::size_t i = end; i-- > 0;) {
      if (file_->stages[i].name == lower && !lower.empty()) return i;
    }
    const auto index = parse_uint(name);
    if (index && *index < end) return static_cast<std::size_t>(*index);
    return std::nullopt;
  }

  Result<StageState> stage(std::size_t index) {
    if (states_[index]) return *states_[index];
    const df::Stage& s = file_->stages[index];
    const std::string label = TRY(step_label(index));
    if (const NamedContext* context = find_context(options_->contexts, s.name)) {
      states_[index] = TRY(context_state(*context, s.name, s));
      return *states_[index];
    }
    StageState base = TRY(base_state(s, index, label));
    StageContext context{*file_,
                         *options_,
                         globals_,
                         plan_.graph,
                         [this, index](const df::Word& name) { return copy_from(name, index); },
                         plan_.warnings,
                         label,
                         is_uncached(s)};
    auto lowered = lower_stage(s, std::move(base), std::move(context));
    // One stage's error is not told once more of each stage that needs it.
    if (!lowered && needed_stage_error_) return *needed_stage_error_;
    states_[index] = TRY(std::move(lowered));
    return *states_[index];
  }

  bool is_uncached(const df::Stage& s) const {
    return std::ranges::any_of(options_->no_cache_stages, [&](const std::string& name) {
      return !s.name.empty() && equals_ignoring_case(name, s.name);
    });
  }

  /// What stands before a step's number.
  Result<std::string> step_label(std::size_t index) {
    const std::string label = stage_label(index);
    if (!options_->names_platforms) return label;
    const oci::Platform platform = TRY(stage_platform(file_->stages[index]));
    return label.empty() ? platform.str() : platform.str() + " " + label;
  }

  std::string stage_label(std::size_t index) const {
    if (file_->stages.size() == 1) return {};
    const std::string& name = file_->stages[index].name;
    return name.empty() ? fmt::format("stage-{}", index) : name;
  }

  Result<StageState> base_state(const df::Stage& s, std::size_t index, const std::string& label) {
    const auto lookup = [this](std::string_view name) { return globals_.values.find(name); };
    auto name = df::expand_word(s.from.image.text, lookup, file_->directives.escape);
    if (index == 0 && !options_->first_base.empty()) name = options_->first_base;
    if (!name) return error_at(file_->source, s.range, std::move(name).error(), s.from.image.range);
    if (name->empty())
      return error_at(file_->source, s.range,
                      invalid_input("base name (" + s.from.image.text + ") should not be blank"),
                      s.from.image.range);
    const oci::Platform platform = TRY(stage_platform(s));
    if (const auto earlier = find_named_stage(*name, index)) {
      // Arguments of the base stage stay declared; whether its command was set here does not carry
      // over.
      auto state = stage(*earlier);
      if (state) state->begins_with_image = false;
      return state;
    }
    if (const NamedContext* context = find_context(options_->contexts, *name))
      return context_state(*context, *name, s);
    auto state = image_state(*name, platform, [&](const StageState& base) {
      if (!base.begins_with_image) return std::string();
      return step_name(label, 1, count_steps(s, base), "FROM " + *name);
    });
    if (!state) {
      Error error = std::move(state).error();
      if (auto hint = base_hint(*name, index); !hint.empty())
        error = std::move(error).with_hint(std::move(hint));
      return error_at(file_->source, s.range, std::move(error), s.from.image.range);
    }
    set_env(*state);
    return state;
  }

  /// Which base of the stage at `index` a name that is none may stand for.
  std::string base_hint(const std::string& name, std::size_t index) const {
    std::vector<std::string> stages;
    for (std::size_t i = 0; i < index; ++i) {
      // Other than --from and --target, FROM does not look past the case of letters.
      if (file_->stages[i].name == to_lower(name))
        return "did you mean the stage " + to_lower(name) + "?";
      if (!file_->stages[i].name.empty()) stages.push_back(file_->stages[i].name);
    }
    if (const auto near = nearest_word(name, stages))
      return "did you mean the stage " + *near + "?";
    std::vector<std::string> later;
    for (std::size_t i = index + 1; i < file_->stages.size(); ++i)
      later.push_back(file_->stages[i].name);
    if (const auto near = nearest_word(name, later))
      return "did you mean the stage " + *near + "? it has to stand before this one";
    // What is shorter is near to too many.
    const auto [repository, tag] = split_once(name, ':');
    static const std::vector<std::string> kImages = {
        "alpine", "busybox", "debian", "fedora", "golang", "nginx",   "node",
        "php",    "python",  "redis",  "ruby",   "rust",   "scratch", "ubuntu"};
    const auto near = nearest_word(repository, kImages);
    if (repository.size() < 4 || !near || *near == repository) return {};
    return "did you mean " + *near + (tag ? ":" + std::string(*tag) : std::string()) + "?";
  }

  /// What --env says, as if by an instruction of its own.
  void set_env(StageState& state) const {
    if (options_->env.empty()) return;
    for (const auto& pair : options_->env) {
      const auto [key, value] = split_once(pair, '=');
      oci::set_env(state.config.config.env, key, value.value_or(""));
    }
    state.history.push_back({"ENV " + join(options_->env, " "), std::nullopt});
  }

  /// A stage by its name only; names are in lower case.
  std::optional<std::size_t> find_named_stage(const std::string& name, std::size_t end) const {
    for (std::size_t i = end; i-- > 0;) {
      if (file_->stages[i].name == name && !name.empty()) return i;
    }
    return std::nullopt;
  }

  Result<oci::Platform> stage_platform(const df::Stage& s) {
    if (!s.from.platform) return options_->wanted_platform();
    const auto lookup = [this](std::string_view name) { return globals_.values.find(name); };
    auto text = df::expand_word(s.from.platform->text, lookup, file_->directives.escape);
    if (!text)
      return error_at(file_->source, s.range, std::move(text).error(), s.from.platform->range);
    auto platform = oci::Platform::parse(*text, options_->platform);
    if (!platform)
      return error_at(file_->source, s.range, std::move(platform).error(), s.from.platform->range);
    return platform;
  }

  Result<StageState> image_state(const std::string& name, const oci::Platform& platform,
                                 const std::string& shown) {
    auto state = image_state(name, platform, [&](const StageState&) { return shown; });
    if (state) state->begins_with_image = false;
    return state;
  }

  /// `shown` names the source in progress, for the state that it gives; an empty name doesn't show.
  Result<StageState> image_state(const std::string& name, const oci::Platform& platform,
                                 const std::function<std::string(const StageState&)>& shown) {
    StageState state;
    llb::ImageSource source;
    if (name == "scratch") {
      // Nothing has no platform of its own.
      state.config.platform = options_->wanted_platform();
      state.config.config.working_dir = "/";
    } else {
      BaseImage image = TRY(images_->resolve(name, platform));
      state.config = std::move(image.config);
      source.layers = state.config.diff_ids;
      state.begins_with_image = true;
      auto& labels = state.config.config.labels;
      if (!options_->inherit_labels) labels.clear();
      for (const auto& label : options_->unset_labels) labels.erase(label);
    }
    if (!oci::find_env(state.config.config.env, "PATH"))
      oci::set_env(state.config.config.env, "PATH", oci::kDefaultPath);
    llb::Origin origin;
    origin.name = shown(state);
    state.root = plan_.graph.add({std::move(source), {}, std::move(origin)});
    return state;
  }

  // --- named contexts

  llb::VertexId add_source(llb::Op op, const std::string& name) {
    llb::Origin origin;
    origin.name = "[context " + name + "] load";
    return plan_.graph.add({std::move(op), {}, std::move(origin)});
  }

  /// A named context as what a stage begins with: an image, or a layer of its files.
  Result<StageState> context_state(const NamedContext& context, const std::string& name,
                                   const df::Stage& s) {
    const oci::Platform platform = TRY(stage_platform(s));
    if (const auto* image = std::get_if<ImageContext>(&context)) {
      auto state = image_state(image->reference, platform, context_step(name, image->reference));
      if (!state) return error_at(file_->source, s.range, std::move(state).error());
      return state;
    }
    auto source = context_op(context);
    if (!source) return error_at(file_->source, s.range, std::move(source).error());
    StageState state = TRY(image_state("scratch", platform, ""));
    const std::string described = describe(*source, name);
    llb::FileOp op;
    op.mtime = options_->source_date_epoch;
    op.all_mtimes = options_->all_mtimes;
    llb::CopyAction all;
    all.pattern = "/";
    all.destination = "/";
    op.actions.emplace_back(std::move(all));
    llb::Origin origin;
    origin.name = context_step(name, described);
    state.root = plan_.graph.add(
        {std::move(op), {state.root, add_source(*std::move(source), name)}, std::move(origin)});
    state.history.push_back({described, state.root});
    return state;
  }

  static std::string context_step(const std::string& name, const std::string& what) {
    return "[context " + name + "] " + what;
  }

  /// Of several stages of one name the last one has it, and that must be before number `index`.
  Result<void> check_named_stage(const std::string& name, std::size_t index) const {
    const std::string lower = to_lower(name);
    const auto last =
        std::ranges::find(file_->stages.rbegin(), file_->stages.rend(), lower, &df::Stage::name);
    if (lower.empty() || last == file_->stages.rend()) return {};
    const auto number = static_cast<std::size_t>(file_->stages.rend() - last) - 1;
    if (number == index)
      return invalid_input("circular dependency: stage " + lower + " copies from itself");
    if (number < index) return {};
    return invalid_input(fmt::format(
        "cannot copy from stage \"{}\", it needs to be defined before current stage \"{}\"", name,
        stage_label(index)));
  }

  /// COPY --from: a named context, a stage before this one, else an image.
  Result<llb::VertexId> copy_from(const df::Word& name, std::size_t index) {
    const auto stage_called = find_stage(name.text, index);
    // A number is a stage, whatever contexts are called.
    const NamedContext* context =
        parse_uint(name.text) && !stage_called
            ? nullptr
            : find_context(options_->contexts,
                           stage_called ? file_->stages[*stage_called].name : name.text);
    if (context != nullptr) {
      if (const auto* image = std::get_if<ImageContext>(context)) {
        const StageState state = TRY(image_state(image->reference, options_->wanted_platform(),
                                                 context_step(name.text, image->reference)));
        return state.root;
      }
      llb::Op source = TRY(context_op(*context));
      return add_source(std::move(source), name.text);
    }
    TRY(check_named_stage(name.text, index));
    if (const auto earlier = stage_called) {
      const auto state = stage(*earlier);
      if (state) return state->root;
      needed_stage_error_ = state.error();
      return state.error();
    }
    if (parse_uint(name.text))
      return invalid_input("invalid stage index " + name.text +
                           ": it must be a stage before this one");
    auto state = image_state(name.text, options_->wanted_platform(), "FROM " + name.text);
    if (state) return state->root;
    const std::string hint = base_hint(name.text, index);
    return hint.empty() ? std::move(state).error() : std::move(state).error().with_hint(hint);
  }

  const df::Dockerfile* file_;
  const BuildOptions* options_;
  BaseImages* images_;
  GlobalArgs globals_;
  BuildPlan plan_;
  std::vector<std::optional<StageState>> states_;
  std::optional<Error> needed_stage_error_;
};

}  // namespace

Result<BuildPlan> plan_build(const dockerfile::Dockerfile& file, const BuildOptions& options,
                             BaseImages& images, llb::Graph graph) {
  GlobalArgs globals = TRY(global_args(file, options));
  return Planner(file, options, images, std::move(globals), std::move(graph)).run();
}

}  // namespace kiln::frontend
