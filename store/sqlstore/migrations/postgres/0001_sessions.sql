-- +goose Up
-- Needs PostgreSQL 12 or later. Times are milliseconds since 1970, unless a comment says otherwise.
-- Strings are compared byte by byte ("C"): an upgrade of the system's sorting rules can't break an index.

CREATE TABLE nuxtauth_schema (
    version bigint PRIMARY KEY
);

CREATE TABLE nuxtauth_sessions (
    key              bytea PRIMARY KEY,              -- the SHA-256 of the handle in the cookie
    id               text COLLATE "C" NOT NULL UNIQUE,
    version          bigint NOT NULL,
    realm            text COLLATE "C" NOT NULL,
    subject          text COLLATE "C" NOT NULL,
    provider         text COLLATE "C" NOT NULL,
    provider_subject text COLLATE "C" NOT NULL,
    provider_session text COLLATE "C" NOT NULL,
    claims           bytea NOT NULL,
    created_at       bigint NOT NULL,
    seen_at          bigint NOT NULL,
    expires_at       bigint NOT NULL,
    ip               text COLLATE "C" NOT NULL,
    user_agent       text COLLATE "C" NOT NULL
);

CREATE INDEX nuxtauth_sessions_subject ON nuxtauth_sessions (subject, realm);
CREATE INDEX nuxtauth_sessions_provider_subject ON nuxtauth_sessions (provider_subject, provider, realm) WHERE provider_subject <> '';
CREATE INDEX nuxtauth_sessions_provider_session ON nuxtauth_sessions (provider_session, provider, realm) WHERE provider_session <> '';
CREATE INDEX nuxtauth_sessions_expires ON nuxtauth_sessions (expires_at);

CREATE TABLE nuxtauth_marks (
    key        bytea PRIMARY KEY,                    -- the SHA-256 of the name
    marked_at  bigint NOT NULL,                      -- microseconds since 1970, by the clock of the server
    first      text COLLATE "C" NOT NULL,            -- the call that made the mark
    expires_at bigint NOT NULL
);

CREATE INDEX nuxtauth_marks_expires ON nuxtauth_marks (expires_at);

CREATE TABLE nuxtauth_locks (
    key        bytea PRIMARY KEY,                    -- the SHA-256 of the name
    owner      text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL
);

CREATE INDEX nuxtauth_locks_expires ON nuxtauth_locks (expires_at);

INSERT INTO nuxtauth_schema (version) VALUES (1);
