#include "dataplane/rpc/schema.h"

// The library's templates are instantiated in this file only: they are slow to compile and warn.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
#pragma GCC diagnostic pop

namespace hanok::dataplane::rpc {
namespace {

// valijson names a place as `<root>`, `[port]`, `[0]`: RFC 6901 wants /port/0 with ~ and / escaped.
std::string json_pointer(const std::vector<std::string>& context) {
  std::string out;
  for (const std::string& part : context) {
    if (part.size() < 2 || part.front() != '[') continue;
    out += '/';
    for (const char letter : part.substr(1, part.size() - 2)) {
      if (letter == '~') {
        out += "~0";
      } else if (letter == '/') {
        out += "~1";
      } else {
        out += letter;
      }
    }
  }
  return out;
}

}  // namespace

struct StateSchema::Impl {
  valijson::Schema schema;
};

StateSchema::StateSchema() : impl_(std::make_unique<Impl>()) {
  const Json text = Json::parse(kStateSchema);
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), impl_->schema);
}

StateSchema::~StateSchema() = default;

std::optional<Problem> StateSchema::check(const Json& document) const {
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  if (validator.validate(impl_->schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr))
    return {};
  // A second pass for the reasons: collecting them costs memory for every good branch of an anyOf.
  valijson::ValidationResults results;
  static_cast<void>(
      validator.validate(impl_->schema, valijson::adapters::NlohmannJsonAdapter(document), &results));
  // The deepest place says most: the outer ones only repeat that something inside is wrong.
  const valijson::ValidationResults::Error* deepest = nullptr;
  for (const auto& error : results) {
    if (deepest == nullptr || error.context.size() > deepest->context.size()) deepest = &error;
  }
  if (deepest == nullptr) return Problem{"", "the document does not match its schema"};
  return Problem{json_pointer(deepest->context), deepest->description};
}

}  // namespace hanok::dataplane::rpc
