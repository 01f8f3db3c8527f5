#include "control/identity/authenticate.h"

#include <algorithm>

#include "control/identity/token.h"
#include "control/identity/verify.h"

namespace hanok::identity {
namespace {

constexpr std::size_t kMaxTokenText = 4096;

// What the methods of a request prove.
struct Proof {
  TokenPayload payload;            // user, methods, audit chain, expiry so far
  std::string default_project_id;  // of the user; may be empty
  bool scope_is_given = false;     // by the credential: another scope is refused
};

Status prove_token(Context& context, const Json& identity, Proof& proof) {
  HANOK_TRY(given, need_object(identity, "token"));
  HANOK_TRY(id, need_string(*given, "id", kMaxTokenText));
  auto earlier = context.database.read([&](store::Tx& tx) { return read_token(context, tx, id); });
  if (!earlier.ok()) {
    if (earlier.error().code != ErrorCode::kUnauthorized) return earlier.take_error();
    return not_found("Could not find token.");
  }
  if (!earlier->payload.application_credential_id.empty()) {
    return forbidden("A token of an application credential may not be exchanged for another.");
  }
  if (!proof.payload.user_id.empty() && proof.payload.user_id != earlier->payload.user_id) {
    return not_authenticated();
  }
  proof.payload.user_id = earlier->payload.user_id;
  proof.payload.expires_us = std::min(proof.payload.expires_us, earlier->payload.expires_us);
  for (const std::string& method : earlier->payload.methods) proof.payload.methods.push_back(method);
  // The chain: own id, then the id of the first token; deleting that one voids all.
  proof.payload.audit_ids.push_back(earlier->payload.audit_ids.back());
  return {};
}

Status prove_password(Context& context, const Json& identity, Proof& proof) {
  HANOK_TRY(given, need_object(identity, "password"));
  HANOK_TRY(user, need_object(*given, "user"));
  HANOK_TRY(password, need_string(*user, "password", PasswordHasher::kMaxPasswordBytes));
  HANOK_TRY(who, parse_user(*user));
  HANOK_TRY(known, verify_password(context, who, password));
  if (!proof.payload.user_id.empty() && proof.payload.user_id != known.id) return not_authenticated();
  proof.payload.user_id = known.id;
  proof.default_project_id = known.default_project_id;
  return {};
}

Status prove_credential(Context& context, const Json& identity, Proof& proof) {
  HANOK_TRY(known, verify_application_credential(context, identity));
  if (!proof.payload.user_id.empty() && proof.payload.user_id != known.user_id) return not_authenticated();
  proof.payload.user_id = known.user_id;
  proof.payload.project_id = known.project_id;
  proof.payload.application_credential_id = known.id;
  proof.scope_is_given = true;
  return {};
}

Result<Proof> prove(Context& context, const Json& identity) {
  HANOK_TRY(methods, get_array(identity, "methods", 8));
  if (methods == nullptr || methods->empty())
    return bad_request("Invalid input: 'methods' is a required property.");
  Proof proof;
  // Whole seconds, so that a token shows the same times when it is made and when it is read.
  proof.payload.expires_us = (context.now_us() / kSecond_us + context.settings.token_life_s) * kSecond_us;
  proof.payload.audit_ids.push_back(new_audit_id());
  for (const Json& entry : *methods) {
    if (!entry.is_string())
      return bad_request("Invalid input for field 'methods': it must be a list of names.");
    const auto method = entry.get<std::string>();
    proof.payload.methods.push_back(method);
    if (method == "password") {
      HANOK_CHECK(prove_password(context, identity, proof));
    } else if (method == "token") {
      HANOK_CHECK(prove_token(context, identity, proof));
    } else if (method == "application_credential") {
      HANOK_CHECK(prove_credential(context, identity, proof));
    } else {
      return not_authenticated();
    }
  }
  // Each once, in the order that the token's format gives back.
  std::vector<std::string> ordered;
  for (const char* name : {"password", "token", "application_credential"}) {
    const auto& given = proof.payload.methods;
    if (std::find(given.begin(), given.end(), name) != given.end()) ordered.emplace_back(name);
  }
  proof.payload.methods = std::move(ordered);
  return proof;
}

Result<std::string> find_domain(store::Tx& tx, const Json& domain) {
  HANOK_TRY(id, get_string(domain, "id", 64));
  if (id) return *id;
  HANOK_TRY(name, need_string(domain, "name"));
  HANOK_TRY(row, tx.query_one("SELECT id FROM domains WHERE name = ?", {name}));
  if (!row) return not_authenticated();
  return row->text("id");
}

Result<std::string> find_project(store::Tx& tx, const Json& project) {
  HANOK_TRY(id, get_string(project, "id", 64));
  if (id) return *id;
  HANOK_TRY(name, need_string(project, "name"));
  HANOK_TRY(domain, need_object(project, "domain"));
  HANOK_TRY(domain_id, find_domain(tx, *domain));
  HANOK_TRY(row, tx.query_one("SELECT id FROM projects WHERE name = ? AND domain_id = ?", {name, domain_id}));
  if (!row) return not_authenticated();
  return row->text("id");
}

// Puts the asked scope into the payload. `unscoped` says that the request wants none.
Status apply_scope(store::Tx& tx, const Json& auth, TokenPayload& payload, bool& unscoped) {
  const auto scope = auth.find("scope");
  if (scope == auth.end() || scope->is_null()) return {};
  if (scope->is_string() && *scope == "unscoped") {
    unscoped = true;
    return {};
  }
  if (!scope->is_object()) return bad_request("Invalid input for field 'scope': it must be an object.");
  if (scope->contains("unscoped")) {
    unscoped = true;
    return {};
  }
  HANOK_TRY(project, get_object(*scope, "project"));
  HANOK_TRY(domain, get_object(*scope, "domain"));
  HANOK_TRY(system, get_object(*scope, "system"));
  if ((project != nullptr) + (domain != nullptr) + (system != nullptr) != 1) {
    return bad_request("Invalid input for field 'scope': it must name one project, domain or system.");
  }
  if (project != nullptr) {
    HANOK_TRY(id, find_project(tx, *project));
    payload.project_id = id;
  } else if (domain != nullptr) {
    HANOK_TRY(id, find_domain(tx, *domain));
    payload.domain_id = id;
  } else {
    HANOK_TRY(all, get_bool(*system, "all"));
    if (!all.value_or(false))
      return bad_request("Invalid input for field 'system': it must be {\"all\": true}.");
    payload.system = true;
  }
  return {};
}

Result<Token> scope_token(Context& context, store::Tx& tx, const Json& auth, const Proof& proof) {
  TokenPayload payload = proof.payload;
  if (proof.scope_is_given) {
    if (auth.contains("scope") && !auth.at("scope").is_null()) {
      TokenPayload asked;
      bool unscoped = false;
      HANOK_CHECK(apply_scope(tx, auth, asked, unscoped));
      if (asked.project_id != payload.project_id) {
        return not_authenticated();
      }
    }
    return resolve(context, tx, std::move(payload));
  }
  bool unscoped = false;
  HANOK_CHECK(apply_scope(tx, auth, payload, unscoped));
  const bool asked = unscoped || !payload.project_id.empty() || !payload.domain_id.empty() || payload.system;
  if (!asked && !proof.default_project_id.empty()) {
    // Without a scope the user's default project is taken, if the user may still enter it.
    TokenPayload there = payload;
    there.project_id = proof.default_project_id;
    auto token = resolve(context, tx, std::move(there));
    if (token.ok() || token.error().code != ErrorCode::kUnauthorized) return token;
  }
  return resolve(context, tx, std::move(payload));
}

bool wants_catalog(const http::Request& request) {
  return !request.query_one("nocatalog").has_value();
}

struct Issued {
  Token token;
  std::string text;
};

// The token named by X-Subject-Token: the caller's own, or any for an administrator. Void ones are kNotFound.
Result<Token> subject(Context& context, const http::Request& request) {
  const std::string text = request.header("X-Subject-Token");
  if (text.empty() || text.size() > kMaxTokenText) return not_found("Could not find token.");
  auto token = context.database.read([&](store::Tx& tx) { return read_token(context, tx, text); });
  if (!token.ok()) {
    if (token.error().code != ErrorCode::kUnauthorized) return token.take_error();
    return not_found("Could not find token.");
  }
  if (!request.caller.is_admin && request.caller.user_id != token->payload.user_id) {
    return forbidden("You are not authorized to perform the requested action: identity:validate_token.");
  }
  return token;
}

}  // namespace

Result<http::Response> create_token(Context& context, http::Request& request) {
  HANOK_TRY(auth, need_object(request.json, "auth"));
  HANOK_TRY(identity, need_object(*auth, "identity"));
  HANOK_TRY(proof, prove(context, *identity));
  auto issued = context.database.read([&](store::Tx& tx) -> Result<Issued> {
    HANOK_TRY(token, scope_token(context, tx, *auth, proof));
    HANOK_TRY(text, issue(context, tx, token));
    return Issued{std::move(token), std::move(text)};
  });
  if (!issued.ok()) return issued.take_error();
  http::Response out = http::created(show_token(context, issued->token, wants_catalog(request)));
  out.headers["X-Subject-Token"] = issued->text;
  out.headers["Vary"] = "X-Auth-Token";
  return out;
}

Result<http::Response> show_subject_token(Context& context, http::Request& request) {
  HANOK_TRY(token, subject(context, request));
  http::Response out = http::ok(show_token(context, token, wants_catalog(request)));
  out.headers["X-Subject-Token"] = request.header("X-Subject-Token");
  out.headers["Vary"] = "X-Auth-Token";
  return out;
}

Result<http::Response> delete_subject_token(Context& context, http::Request& request) {
  HANOK_TRY(token, subject(context, request));
  HANOK_CHECK(context.write(
      [&](store::Tx& tx) { return revoke(context, tx, "audit", token.payload.audit_ids.front()); }));
  return http::no_content();
}

}  // namespace hanok::identity
