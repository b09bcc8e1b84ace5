-- +goose Up

CREATE TABLE nuxtauth_counts (
    key        BLOB PRIMARY KEY NOT NULL,            -- the SHA-256 of the name
    value      INTEGER NOT NULL,                     -- 0: as if there were no row
    last       TEXT NOT NULL,                        -- the latest call that changed it
    expires_at INTEGER NOT NULL
);

CREATE INDEX nuxtauth_counts_expires ON nuxtauth_counts (expires_at);

INSERT INTO nuxtauth_schema (version) VALUES (2);
