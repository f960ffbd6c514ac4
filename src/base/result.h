// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace kiln {

/// A value or an Error. Unlike std::expected it warns when it is dropped.
/// Reading the value of a failure is a broken invariant and ends the process.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result()
    requires std::is_void_v<T>
  = default;

  template <typename U = T>
    requires(!std::is_void_v<T> && std::is_constructible_v<T, U &&> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>)
  Result(U&& value)
      : state_(std::in_place, std::forward<U>(value)) {}  // NOLINT: implicit by design

  Result(Error error) : state_(std::unexpect, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.has_value(); }
  explicit operator bool() const { return ok(); }

  const Error& error() const& {
    CHECK(!ok());
    return state_.error();
  }
  Error&& error() && {
    CHECK(!ok());
    return std::move(state_).error();
  }

  decltype(auto) value() & {
    CHECK(ok());
    return *state_;
  }
  decltype(auto) value() const& {
    CHECK(ok());
    return *state_;
  }
  T value() && {
    CHECK(ok());
    if constexpr (!std::is_void_v<T>) return std::move(*state_);
  }

  auto* operator->()
    requires(!std::is_void_v<T>)
  {
    CHECK(ok());
    return &*state_;
  }
  const auto* operator->() const
    requires(!std::is_void_v<T>)
  {
    CHECK(ok());
    return &*state_;
  }
  decltype(auto) operator*() & { return value(); }
  decltype(auto) operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }

  /// Prepends context to the error, if there is one.
  template <typename F>
  Result context(F&& what) && {
    if (!ok()) {
      if constexpr (std::is_invocable_v<F>) {
        return std::move(state_).error().context(what());
      } else {
        return std::move(state_).error().context(what);
      }
    }
    return std::move(*this);
  }

 private:
  std::expected<T, Error> state_;
};

}  // namespace kiln

/// The value of a Result, or a return of its error from the enclosing function.
/// Only as a whole statement, a whole right-hand side or a whole `return`: inside aggregate braces
/// g++ 12 leaks the members that were already built.
#define TRY(...)                                                       \
  __extension__({                                                      \
    auto&& try_result_ = (__VA_ARGS__);                                \
    if (!try_result_.ok()) [[unlikely]]                                \
      return std::forward<decltype(try_result_)>(try_result_).error(); \
    std::forward<decltype(try_result_)>(try_result_).value();          \
  })
