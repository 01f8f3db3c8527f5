#include <cstdlib>

#include "control/store/store.h"

namespace hanok::store {

const Value& Row::at(std::string_view column) const {
  for (std::size_t i = 0; i < names_->size(); ++i) {
    if ((*names_)[i] == column) return values_[i];
  }
  assertion_failed(("the statement has no column " + std::string(column)).c_str(), __FILE__, __LINE__);
}

bool Row::is_null(std::string_view column) const {
  return std::holds_alternative<Null>(at(column));
}

std::string Row::text(std::string_view column) const {
  const Value& value = at(column);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* real = std::get_if<double>(&value)) return std::to_string(*real);
  return {};
}

std::int64_t Row::integer(std::string_view column) const {
  const Value& value = at(column);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* real = std::get_if<double>(&value)) return static_cast<std::int64_t>(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return std::strtoll(text->c_str(), nullptr, 10);
  return 0;
}

std::optional<std::string> Row::maybe_text(std::string_view column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::optional<std::int64_t> Row::maybe_integer(std::string_view column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

Json Row::json(std::string_view column) const {
  const std::string stored = text(column);
  if (stored.empty()) return nullptr;
  Json value = Json::parse(stored, nullptr, false);
  HANOK_ASSERT(!value.is_discarded());  // only this program writes the column
  return value;
}

Json Row::text_or_null(std::string_view column) const {
  if (is_null(column)) return nullptr;
  return text(column);
}

}  // namespace hanok::store
