-- +goose Up

CREATE TABLE IF NOT EXISTS nuxtauth_users (
    id             VARBINARY(191) NOT NULL PRIMARY KEY,
    name           VARCHAR(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    email          VARBINARY(254) UNIQUE,              -- in lower case, NULL if it is not known
    image          MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    email_verified BIGINT NOT NULL,                    -- 0 if it was never proved
    password_hash  VARBINARY(256) NOT NULL,
    disabled       BOOLEAN NOT NULL,
    first_sign_in  BIGINT NOT NULL,                    -- 0 before
    created_at     BIGINT NOT NULL,
    extra          MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL -- a JSON object of the application, or empty
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS nuxtauth_accounts (
    provider            VARBINARY(256) NOT NULL,
    issuer              VARBINARY(256) NOT NULL,
    provider_account_id VARBINARY(256) NOT NULL,
    user_id             VARBINARY(191) NOT NULL,
    position            BIGINT NOT NULL,               -- among those of the user, the oldest first
    type                VARBINARY(256) NOT NULL,
    access_token        MEDIUMBLOB NOT NULL,
    refresh_token       MEDIUMBLOB NOT NULL,
    id_token            MEDIUMBLOB NOT NULL,
    token_type          VARBINARY(256) NOT NULL,
    scope               MEDIUMBLOB NOT NULL,
    session_state       MEDIUMBLOB NOT NULL,
    expires_at          BIGINT NOT NULL,               -- of the access token, in seconds since 1970, 0 if unknown
    created_at          BIGINT NOT NULL,
    email               VARBINARY(254) NOT NULL,       -- as the provider gave it
    PRIMARY KEY (provider_account_id, provider, issuer),
    INDEX nuxtauth_accounts_user (user_id),
    FOREIGN KEY (user_id) REFERENCES nuxtauth_users (id) ON DELETE CASCADE
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS nuxtauth_links (
    email       VARBINARY(254) NOT NULL,
    purpose     VARBINARY(64) NOT NULL,
    hash        BINARY(32) NOT NULL,                   -- the SHA-256 of the token in the link
    subject     VARBINARY(191) NOT NULL,               -- the ID of a user, or empty
    redirect_to BLOB NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    position    BIGINT NOT NULL, -- among those of the address and the purpose
    taken       VARBINARY(64) NOT NULL,                -- the call that took it, empty before
    PRIMARY KEY (email, purpose, hash),
    INDEX nuxtauth_links_expires (expires_at)
) ENGINE = InnoDB;

INSERT INTO nuxtauth_schema (version) VALUES (3) ON DUPLICATE KEY UPDATE version = version;
