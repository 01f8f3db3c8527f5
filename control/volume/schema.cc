#include "control/volume/volume.h"

namespace hanok::volume {

store::Module volume_module() {
  return {
      .name = "volume",
      .migrations = {{1, R"sql(
CREATE TABLE volume_types (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT,
  is_public INTEGER NOT NULL DEFAULT 1,
  extra_specs TEXT NOT NULL DEFAULT '{}',
  created_us INTEGER NOT NULL DEFAULT 0
);
-- The default type, with an id of this installation's own.
INSERT INTO volume_types (id, name, description) VALUES (
  lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' ||
        substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
  'rbd', 'Ceph RBD');
CREATE TABLE volume_type_access (
  type_id TEXT NOT NULL REFERENCES volume_types (id) ON DELETE CASCADE,
  project_id TEXT NOT NULL,
  PRIMARY KEY (type_id, project_id)
);
CREATE TABLE volumes (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT,
  description TEXT,
  status TEXT NOT NULL,
  previous_status TEXT NOT NULL DEFAULT '',  -- where extending, uploading and detaching go back to
  size_gib INTEGER NOT NULL,
  wanted_gib INTEGER NOT NULL,
  type_id TEXT REFERENCES volume_types (id),
  zone TEXT NOT NULL,
  bootable INTEGER NOT NULL DEFAULT 0,
  multiattach INTEGER NOT NULL DEFAULT 0,
  metadata TEXT NOT NULL DEFAULT '{}',
  image_metadata TEXT,
  source TEXT NOT NULL DEFAULT '{"type":"none"}',  -- as agents see it
  image_id TEXT,
  snapshot_id TEXT,
  source_volid TEXT,
  upload_image_id TEXT,
  last_error TEXT,
  deadline_us INTEGER NOT NULL DEFAULT 0,          -- of the transient state; 0: none
  request_id TEXT,
  created_us INTEGER NOT NULL,
  updated_us INTEGER
);
CREATE INDEX volumes_project ON volumes (project_id, created_us);
CREATE INDEX volumes_created ON volumes (created_us);
CREATE INDEX volumes_deadline ON volumes (deadline_us) WHERE deadline_us > 0;
CREATE TABLE volume_attachments (
  id TEXT PRIMARY KEY,
  volume_id TEXT NOT NULL REFERENCES volumes (id) ON DELETE CASCADE,
  server_id TEXT NOT NULL,
  host TEXT,
  device TEXT,
  mode TEXT NOT NULL DEFAULT 'rw',
  status TEXT NOT NULL,   -- reserved, attaching, attached, detaching
  connector TEXT,
  delete_on_termination INTEGER NOT NULL DEFAULT 0,
  attached_us INTEGER,
  created_us INTEGER NOT NULL
);
CREATE INDEX volume_attachments_volume ON volume_attachments (volume_id);
CREATE INDEX volume_attachments_server ON volume_attachments (server_id);
CREATE TABLE snapshots (
  id TEXT PRIMARY KEY,
  volume_id TEXT NOT NULL REFERENCES volumes (id),
  project_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT,
  description TEXT,
  status TEXT NOT NULL,
  size_gib INTEGER NOT NULL,
  metadata TEXT NOT NULL DEFAULT '{}',
  last_error TEXT,
  deadline_us INTEGER NOT NULL DEFAULT 0,
  request_id TEXT,
  created_us INTEGER NOT NULL,
  updated_us INTEGER
);
CREATE INDEX snapshots_project ON snapshots (project_id, created_us);
CREATE INDEX snapshots_volume ON snapshots (volume_id);
CREATE INDEX snapshots_deadline ON snapshots (deadline_us) WHERE deadline_us > 0;
CREATE TABLE volume_quotas (
  project_id TEXT NOT NULL,  -- 'default': the class of those without their own
  resource TEXT NOT NULL,
  limit_value INTEGER NOT NULL,
  PRIMARY KEY (project_id, resource)
);
CREATE TABLE volume_messages (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  user_message TEXT NOT NULL,
  request_id TEXT,
  created_us INTEGER NOT NULL
);
CREATE INDEX volume_messages_project ON volume_messages (project_id, created_us);
CREATE TABLE volume_transfers (
  id TEXT PRIMARY KEY,
  volume_id TEXT NOT NULL UNIQUE REFERENCES volumes (id) ON DELETE CASCADE,
  project_id TEXT NOT NULL,
  name TEXT,
  salt TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  created_us INTEGER NOT NULL
);
)sql"},
                     // Whether a volume goes with its server is kept by the compute service alone.
                     {2, "ALTER TABLE volume_attachments DROP COLUMN delete_on_termination;"},
                     {3, R"sql(
CREATE TABLE qos_specs (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  consumer TEXT NOT NULL,
  specs TEXT NOT NULL,
  created_us INTEGER NOT NULL
);
ALTER TABLE volume_types ADD COLUMN qos_specs_id TEXT REFERENCES qos_specs (id);
ALTER TABLE volumes ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';  -- in force, as the agent last said
)sql"},
                     // Decided when it is attached; a change of the type leaves it alone.
                     {4, "ALTER TABLE volume_attachments ADD COLUMN transport TEXT NOT NULL DEFAULT 'rbd';"},
                     // They outlive the volume they are of.
                     {5, R"sql(
CREATE TABLE backups (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT,
  description TEXT,
  status TEXT NOT NULL,
  volume_id TEXT NOT NULL,
  snapshot_id TEXT,
  parent_id TEXT REFERENCES backups (id),  -- incremental to it
  restore_volume_id TEXT,                  -- being restored to
  size_gib INTEGER NOT NULL,
  objects INTEGER NOT NULL DEFAULT 0,
  metadata TEXT NOT NULL DEFAULT '{}',
  volume TEXT NOT NULL DEFAULT '{}',
  fail_reason TEXT,
  last_error TEXT,
  deadline_us INTEGER NOT NULL DEFAULT 0,
  request_id TEXT,
  created_us INTEGER NOT NULL,
  data_us INTEGER NOT NULL,
  updated_us INTEGER
);
CREATE INDEX backups_project ON backups (project_id, created_us);
CREATE INDEX backups_volume ON backups (volume_id, data_us);
CREATE INDEX backups_parent ON backups (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX backups_deadline ON backups (deadline_us) WHERE deadline_us > 0;
CREATE VIEW backups_seen AS
  SELECT *, EXISTS (SELECT 1 FROM backups child WHERE child.parent_id = backups.id) AS has_dependents
  FROM backups;
)sql"},
                     {6, R"sql(
ALTER TABLE volumes ADD COLUMN pool TEXT NOT NULL DEFAULT 'volumes';
ALTER TABLE volumes ADD COLUMN target_pool TEXT NOT NULL DEFAULT '';  -- being moved there by a retype
ALTER TABLE volumes ADD COLUMN target_type_id TEXT;
ALTER TABLE volumes ADD COLUMN moved_from TEXT NOT NULL DEFAULT '';   -- what is not copied yet is there
ALTER TABLE volumes ADD COLUMN flattening INTEGER NOT NULL DEFAULT 0;
ALTER TABLE volumes ADD COLUMN work_percent INTEGER NOT NULL DEFAULT 0;
)sql"},
                     // `encryption`: JSON with the sealed passphrase; null: not encrypted.
                     {7, R"sql(
CREATE TABLE volume_type_encryption (
  type_id TEXT PRIMARY KEY REFERENCES volume_types (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  provider TEXT NOT NULL,
  control_location TEXT NOT NULL,
  cipher TEXT,
  key_size INTEGER,
  created_us INTEGER NOT NULL,
  updated_us INTEGER
);
ALTER TABLE volumes ADD COLUMN encryption TEXT NOT NULL DEFAULT 'null';
ALTER TABLE backups ADD COLUMN encryption TEXT NOT NULL DEFAULT 'null';
DROP VIEW backups_seen;
CREATE VIEW backups_seen AS
  SELECT *, EXISTS (SELECT 1 FROM backups child WHERE child.parent_id = backups.id) AS has_dependents
  FROM backups;
)sql"},
                     {8, R"sql(
CREATE TABLE group_types (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT,
  is_public INTEGER NOT NULL DEFAULT 1,
  group_specs TEXT NOT NULL DEFAULT '{}',
  created_us INTEGER NOT NULL
);
CREATE TABLE volume_groups (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT,
  description TEXT,
  status TEXT NOT NULL,
  group_type_id TEXT NOT NULL REFERENCES group_types (id),
  zone TEXT NOT NULL,
  group_snapshot_id TEXT,               -- made from it
  source_group_id TEXT,                 -- or from this
  working INTEGER NOT NULL DEFAULT 0,   -- creating or deleting, as its volumes are
  created_us INTEGER NOT NULL,
  updated_us INTEGER
);
CREATE INDEX volume_groups_project ON volume_groups (project_id, created_us);
CREATE TABLE volume_group_types (
  group_id TEXT NOT NULL REFERENCES volume_groups (id) ON DELETE CASCADE,
  type_id TEXT NOT NULL REFERENCES volume_types (id),
  PRIMARY KEY (group_id, type_id)
);
CREATE INDEX volume_group_types_type ON volume_group_types (type_id);
CREATE TABLE group_snapshots (
  id TEXT PRIMARY KEY,
  group_id TEXT NOT NULL REFERENCES volume_groups (id),
  group_type_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT,
  description TEXT,
  status TEXT NOT NULL,
  last_error TEXT,
  deadline_us INTEGER NOT NULL DEFAULT 0,
  request_id TEXT,
  created_us INTEGER NOT NULL,
  updated_us INTEGER
);
CREATE INDEX group_snapshots_project ON group_snapshots (project_id, created_us);
CREATE INDEX group_snapshots_group ON group_snapshots (group_id);
CREATE INDEX group_snapshots_deadline ON group_snapshots (deadline_us) WHERE deadline_us > 0;
ALTER TABLE volumes ADD COLUMN group_id TEXT;
CREATE INDEX volumes_group ON volumes (group_id) WHERE group_id IS NOT NULL;
ALTER TABLE snapshots ADD COLUMN group_snapshot_id TEXT;
CREATE INDEX snapshots_group ON snapshots (group_snapshot_id) WHERE group_snapshot_id IS NOT NULL;
)sql"},
                     {9, R"sql(
ALTER TABLE snapshots ADD COLUMN source_name TEXT;  -- the image has it already, under this name
)sql"}}};
}

}  // namespace hanok::volume
