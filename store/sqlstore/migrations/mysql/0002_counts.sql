-- +goose Up

CREATE TABLE IF NOT EXISTS nuxtauth_counts (
    `key`      BINARY(32) NOT NULL PRIMARY KEY,        -- the SHA-256 of the name
    value      BIGINT NOT NULL,
    last       VARBINARY(64) NOT NULL,                 -- the latest call that changed it
    expires_at BIGINT NOT NULL,                        -- 0: as if there were no row
    INDEX nuxtauth_counts_expires (expires_at)
) ENGINE = InnoDB;

INSERT INTO nuxtauth_schema (version) VALUES (2) ON DUPLICATE KEY UPDATE version = version;
