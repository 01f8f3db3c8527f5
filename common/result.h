#pragma once
// Result<T>: a value or an Error. What can go wrong in operation is returned, never thrown across a module
// border; what may not happen is HANOK_ASSERT.

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "common/error.h"

namespace hanok {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by intent
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }

  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }
  Error&& take_error() { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const { return *error_; }
  Error&& take_error() { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

#define HANOK_CONCAT_INNER(a, b) a##b
#define HANOK_CONCAT(a, b) HANOK_CONCAT_INNER(a, b)

// HANOK_TRY(var, expr): `auto var = value of expr`, or return its error.
// The names are numbered, so that one may stand in a lambda inside another.
#define HANOK_TRY(var, expr) HANOK_TRY_NAMED(var, expr, HANOK_CONCAT(result_, __COUNTER__))
#define HANOK_TRY_NAMED(var, expr, result)      \
  auto result = (expr);                         \
  if (!result.ok()) return result.take_error(); \
  auto var = std::move(result).value()

// HANOK_CHECK(expr): return the error of a Status (or of any Result whose value is not needed).
#define HANOK_CHECK(expr) HANOK_CHECK_NAMED(expr, HANOK_CONCAT(status_, __COUNTER__))
#define HANOK_CHECK_NAMED(expr, status)                                 \
  do {                                                                  \
    if (auto status = (expr); !status.ok()) return status.take_error(); \
  } while (false)

}  // namespace hanok
