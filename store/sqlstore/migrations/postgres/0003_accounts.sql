-- +goose Up

CREATE TABLE nuxtauth_users (
    id             text COLLATE "C" PRIMARY KEY,
    name           text COLLATE "C" NOT NULL,
    email          text COLLATE "C" UNIQUE CHECK (email = lower(email)), -- NULL if it is not known
    image          text COLLATE "C" NOT NULL,
    email_verified bigint NOT NULL,                  -- 0 if it was never proved
    password_hash  text COLLATE "C" NOT NULL,
    disabled       boolean NOT NULL,
    first_sign_in  bigint NOT NULL,                  -- 0 before
    created_at     bigint NOT NULL,
    extra          text COLLATE "C" NOT NULL         -- a JSON object of the application, or empty
);

CREATE TABLE nuxtauth_accounts (
    provider            text COLLATE "C" NOT NULL,
    issuer              text COLLATE "C" NOT NULL,
    provider_account_id text COLLATE "C" NOT NULL,
    user_id             text COLLATE "C" NOT NULL REFERENCES nuxtauth_users (id) ON DELETE CASCADE,
    position            bigint NOT NULL,             -- among those of the user, the oldest first
    type                text COLLATE "C" NOT NULL,
    access_token        text COLLATE "C" NOT NULL,
    refresh_token       text COLLATE "C" NOT NULL,
    id_token            text COLLATE "C" NOT NULL,
    token_type          text COLLATE "C" NOT NULL,
    scope               text COLLATE "C" NOT NULL,
    session_state       text COLLATE "C" NOT NULL,
    expires_at          bigint NOT NULL,             -- of the access token, in seconds since 1970, 0 if unknown
    created_at          bigint NOT NULL,
    email               text COLLATE "C" NOT NULL,   -- as the provider gave it
    PRIMARY KEY (provider_account_id, provider, issuer)
);

CREATE INDEX nuxtauth_accounts_user ON nuxtauth_accounts (user_id);

CREATE TABLE nuxtauth_links (
    email       text COLLATE "C" NOT NULL,
    purpose     text COLLATE "C" NOT NULL,
    hash        bytea NOT NULL,                      -- the SHA-256 of the token in the link
    subject     text COLLATE "C" NOT NULL,           -- the ID of a user, or empty
    redirect_to text COLLATE "C" NOT NULL,
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL,
    position    bigint NOT NULL, -- among those of the address and the purpose
    taken       text COLLATE "C" NOT NULL,           -- the call that took it, empty before
    PRIMARY KEY (email, purpose, hash)
);

CREATE INDEX nuxtauth_links_expires ON nuxtauth_links (expires_at);

INSERT INTO nuxtauth_schema (version) VALUES (3);
