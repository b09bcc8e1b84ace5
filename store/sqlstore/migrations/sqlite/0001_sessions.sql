-- +goose Up
-- Needs SQLite 3.35 or later. Times are milliseconds since 1970, unless a comment says otherwise.

CREATE TABLE nuxtauth_schema (
    version INTEGER PRIMARY KEY
);

CREATE TABLE nuxtauth_sessions (
    key              BLOB PRIMARY KEY NOT NULL,      -- the SHA-256 of the handle in the cookie
    id               TEXT NOT NULL UNIQUE,
    version          INTEGER NOT NULL,
    realm            TEXT NOT NULL,
    subject          TEXT NOT NULL,
    provider         TEXT NOT NULL,
    provider_subject TEXT NOT NULL,
    provider_session TEXT NOT NULL,
    claims           BLOB NOT NULL,
    created_at       INTEGER NOT NULL,
    seen_at          INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    ip               TEXT NOT NULL,
    user_agent       TEXT NOT NULL
);

CREATE INDEX nuxtauth_sessions_subject ON nuxtauth_sessions (subject, realm);
CREATE INDEX nuxtauth_sessions_provider_subject ON nuxtauth_sessions (provider_subject, provider, realm) WHERE provider_subject <> '';
CREATE INDEX nuxtauth_sessions_provider_session ON nuxtauth_sessions (provider_session, provider, realm) WHERE provider_session <> '';
CREATE INDEX nuxtauth_sessions_expires ON nuxtauth_sessions (expires_at);

CREATE TABLE nuxtauth_marks (
    key        BLOB PRIMARY KEY NOT NULL,            -- the SHA-256 of the name
    marked_at  INTEGER NOT NULL,                     -- microseconds since 1970
    first      TEXT NOT NULL,                        -- the call that made the mark
    expires_at INTEGER NOT NULL
);

CREATE INDEX nuxtauth_marks_expires ON nuxtauth_marks (expires_at);

CREATE TABLE nuxtauth_locks (
    key        BLOB PRIMARY KEY NOT NULL,            -- the SHA-256 of the name
    owner      TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE INDEX nuxtauth_locks_expires ON nuxtauth_locks (expires_at);

INSERT INTO nuxtauth_schema (version) VALUES (1);
