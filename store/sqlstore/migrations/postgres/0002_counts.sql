-- +goose Up

CREATE TABLE nuxtauth_counts (
    key        bytea PRIMARY KEY,                    -- the SHA-256 of the name
    value      bigint NOT NULL,                      -- 0: as if there were no row
    last       text COLLATE "C" NOT NULL,            -- the latest call that changed it
    expires_at bigint NOT NULL
);

CREATE INDEX nuxtauth_counts_expires ON nuxtauth_counts (expires_at);

INSERT INTO nuxtauth_schema (version) VALUES (2);
