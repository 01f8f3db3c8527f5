#include "control/identity/identity.h"

namespace hanok::identity {

// `extra` holds the attributes that clients add freely (JSON object). An assignment's actor is a user or a
// group, its target a project, a domain or the system ("all").
store::Module identity_module() {
  return {"identity", {{1, R"sql(
CREATE TABLE domains (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL DEFAULT '',
  enabled INTEGER NOT NULL DEFAULT 1, extra TEXT NOT NULL DEFAULT '{}');
CREATE TABLE projects (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, domain_id TEXT NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
  parent_id TEXT NOT NULL, description TEXT NOT NULL DEFAULT '', enabled INTEGER NOT NULL DEFAULT 1,
  tags TEXT NOT NULL DEFAULT '[]', extra TEXT NOT NULL DEFAULT '{}', UNIQUE (domain_id, name));
CREATE INDEX projects_by_name ON projects (name);
CREATE TABLE users (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, domain_id TEXT NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
  default_project_id TEXT, description TEXT, enabled INTEGER NOT NULL DEFAULT 1,
  password_hash TEXT NOT NULL DEFAULT '', failed_attempts INTEGER NOT NULL DEFAULT 0,
  failed_us INTEGER NOT NULL DEFAULT 0, extra TEXT NOT NULL DEFAULT '{}', UNIQUE (domain_id, name));
CREATE INDEX users_by_name ON users (name);
CREATE TABLE old_passwords (
  id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  password_hash TEXT NOT NULL);
CREATE INDEX old_passwords_by_user ON old_passwords (user_id);
CREATE TABLE groups (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, domain_id TEXT NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
  description TEXT NOT NULL DEFAULT '', extra TEXT NOT NULL DEFAULT '{}', UNIQUE (domain_id, name));
CREATE TABLE group_members (
  group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, PRIMARY KEY (group_id, user_id)) WITHOUT ROWID;
CREATE INDEX group_members_by_user ON group_members (user_id);
CREATE TABLE roles (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, description TEXT, extra TEXT NOT NULL DEFAULT '{}');
CREATE TABLE implied_roles (
  prior_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  implied_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE, PRIMARY KEY (prior_id, implied_id))
  WITHOUT ROWID;
CREATE TABLE assignments (
  target_type TEXT NOT NULL, target_id TEXT NOT NULL, actor_type TEXT NOT NULL, actor_id TEXT NOT NULL,
  role_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  PRIMARY KEY (target_type, target_id, actor_type, actor_id, role_id)) WITHOUT ROWID;
CREATE INDEX assignments_by_actor ON assignments (actor_type, actor_id);
CREATE TRIGGER project_gone AFTER DELETE ON projects BEGIN
  DELETE FROM assignments WHERE target_type = 'project' AND target_id = old.id; END;
CREATE TRIGGER domain_gone AFTER DELETE ON domains BEGIN
  DELETE FROM assignments WHERE target_type = 'domain' AND target_id = old.id; END;
CREATE TRIGGER user_gone AFTER DELETE ON users BEGIN
  DELETE FROM assignments WHERE actor_type = 'user' AND actor_id = old.id; END;
CREATE TRIGGER group_gone AFTER DELETE ON groups BEGIN
  DELETE FROM assignments WHERE actor_type = 'group' AND actor_id = old.id; END;
CREATE TABLE application_credentials (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE, name TEXT NOT NULL, description TEXT,
  secret_hash TEXT NOT NULL, expires_us INTEGER, unrestricted INTEGER NOT NULL DEFAULT 0,
  roles TEXT NOT NULL, UNIQUE (user_id, name));
-- Tokens of (kind, id) that were issued up to before_us are void: one row per token deleted, or per user whose
-- password changed; looked up by key. Rows go when every token that they mean has expired.
CREATE TABLE revocations (
  kind TEXT NOT NULL, id TEXT NOT NULL, before_us INTEGER NOT NULL, expires_us INTEGER NOT NULL,
  PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE INDEX revocations_by_expiry ON revocations (expires_us);
)sql"}}};
}

}  // namespace hanok::identity
