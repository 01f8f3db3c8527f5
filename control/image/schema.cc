#include "control/image/image.h"

namespace hanok::image {

store::Module image_module() {
  return {.name = "image",
          .migrations = {{1, R"sql(
CREATE TABLE images (
  id TEXT PRIMARY KEY,
  name TEXT,
  status TEXT NOT NULL,          -- queued, saving, active, deactivated, killed, deleted
  owner TEXT NOT NULL,
  visibility TEXT NOT NULL,      -- public, community, shared, private
  disk_format TEXT,
  container_format TEXT,
  size_bytes INTEGER,
  virtual_size_bytes INTEGER,
  checksum TEXT,                 -- MD5 of the bytes as uploaded
  hash TEXT,                     -- SHA-512 of the same
  min_disk_gib INTEGER NOT NULL DEFAULT 0,
  min_ram_mib INTEGER NOT NULL DEFAULT 0,
  protected INTEGER NOT NULL DEFAULT 0,
  hidden INTEGER NOT NULL DEFAULT 0,
  properties TEXT NOT NULL DEFAULT '{}',
  created_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL
);
CREATE INDEX images_owner ON images (owner, created_us);
CREATE INDEX images_visibility ON images (visibility, created_us);
CREATE TABLE image_tags (
  image_id TEXT NOT NULL REFERENCES images (id),
  tag TEXT NOT NULL,
  PRIMARY KEY (image_id, tag)
);
CREATE TABLE image_members (
  image_id TEXT NOT NULL REFERENCES images (id),
  member_id TEXT NOT NULL,
  status TEXT NOT NULL,          -- pending, accepted, rejected
  created_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL,
  PRIMARY KEY (image_id, member_id)
);
CREATE INDEX image_members_member ON image_members (member_id);
-- Bytes of deleted images that are still to be removed from the pool.
CREATE TABLE image_trash (image_id TEXT PRIMARY KEY);
)sql"},
                         {2, R"sql(
-- The RBD image whose snapshot a failed upload was copying, which goes too; empty: none.
ALTER TABLE image_trash ADD COLUMN source_pool TEXT NOT NULL DEFAULT '';
ALTER TABLE image_trash ADD COLUMN source_name TEXT NOT NULL DEFAULT '';
)sql"}}};
}

}  // namespace hanok::image
