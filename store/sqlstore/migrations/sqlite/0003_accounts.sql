-- +goose Up

CREATE TABLE nuxtauth_users (
    id             TEXT PRIMARY KEY NOT NULL,
    name           TEXT NOT NULL,
    email          TEXT UNIQUE CHECK (email = lower(email)), -- NULL if it is not known
    image          TEXT NOT NULL,
    email_verified INTEGER NOT NULL,                  -- 0 if it was never proved
    password_hash  TEXT NOT NULL,
    disabled       INTEGER NOT NULL,
    first_sign_in  INTEGER NOT NULL,                  -- 0 before
    created_at     INTEGER NOT NULL,
    extra          TEXT NOT NULL         -- a JSON object of the application, or empty
);

CREATE TABLE nuxtauth_accounts (
    provider            TEXT NOT NULL,
    issuer              TEXT NOT NULL,
    provider_account_id TEXT NOT NULL,
    user_id             TEXT NOT NULL REFERENCES nuxtauth_users (id) ON DELETE CASCADE,
    position            INTEGER NOT NULL,             -- among those of the user, the oldest first
    type                TEXT NOT NULL,
    access_token        TEXT NOT NULL,
    refresh_token       TEXT NOT NULL,
    id_token            TEXT NOT NULL,
    token_type          TEXT NOT NULL,
    scope               TEXT NOT NULL,
    session_state       TEXT NOT NULL,
    expires_at          INTEGER NOT NULL,             -- of the access token, in seconds since 1970, 0 if unknown
    created_at          INTEGER NOT NULL,
    email               TEXT NOT NULL,   -- as the provider gave it
    PRIMARY KEY (provider_account_id, provider, issuer)
);

CREATE INDEX nuxtauth_accounts_user ON nuxtauth_accounts (user_id);

CREATE TABLE nuxtauth_links (
    email       TEXT NOT NULL,
    purpose     TEXT NOT NULL,
    hash        BLOB NOT NULL,                      -- the SHA-256 of the token in the link
    subject     TEXT NOT NULL,           -- the ID of a user, or empty
    redirect_to TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    position    INTEGER NOT NULL, -- among those of the address and the purpose
    taken       TEXT NOT NULL,           -- the call that took it, empty before
    PRIMARY KEY (email, purpose, hash)
);

CREATE INDEX nuxtauth_links_expires ON nuxtauth_links (expires_at);

INSERT INTO nuxtauth_schema (version) VALUES (3);
