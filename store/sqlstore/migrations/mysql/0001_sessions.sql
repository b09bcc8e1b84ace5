-- +goose Up
-- Needs MySQL 8.0 or MariaDB 10.6, or later. Times are milliseconds since 1970, unless a comment says otherwise.
-- Strings that are compared are VARBINARY, byte by byte: with a collation, "a" and "a " would be the same.
-- The statements can be run again: there are no transactions that create tables.

CREATE TABLE IF NOT EXISTS nuxtauth_schema (
    version BIGINT NOT NULL PRIMARY KEY
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS nuxtauth_sessions (
    `key`            BINARY(32) NOT NULL PRIMARY KEY,  -- the SHA-256 of the handle in the cookie
    id               VARBINARY(64) NOT NULL UNIQUE,
    version          BIGINT NOT NULL,
    realm            VARBINARY(255) NOT NULL,
    subject          VARBINARY(1024) NOT NULL,
    provider         VARBINARY(255) NOT NULL,
    provider_subject VARBINARY(1024) NOT NULL,
    provider_session VARBINARY(1024) NOT NULL,
    claims           LONGBLOB NOT NULL,
    created_at       BIGINT NOT NULL,
    seen_at          BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    ip               VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    user_agent       TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    INDEX nuxtauth_sessions_subject (subject, realm),
    INDEX nuxtauth_sessions_provider_subject (provider_subject, provider, realm),
    INDEX nuxtauth_sessions_provider_session (provider_session, provider, realm),
    INDEX nuxtauth_sessions_expires (expires_at)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS nuxtauth_marks (
    `key`      BINARY(32) NOT NULL PRIMARY KEY,        -- the SHA-256 of the name
    marked_at  BIGINT NOT NULL,                        -- microseconds since 1970, by the clock of the server
    first      VARBINARY(64) NOT NULL,                 -- the call that made the mark
    expires_at BIGINT NOT NULL,
    INDEX nuxtauth_marks_expires (expires_at)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS nuxtauth_locks (
    `key`      BINARY(32) NOT NULL PRIMARY KEY,        -- the SHA-256 of the name
    owner      VARBINARY(64) NOT NULL,
    expires_at BIGINT NOT NULL,
    INDEX nuxtauth_locks_expires (expires_at)
) ENGINE = InnoDB;

INSERT INTO nuxtauth_schema (version) VALUES (1) ON DUPLICATE KEY UPDATE version = version;
