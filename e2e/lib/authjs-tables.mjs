// The tables of two adapters of Auth.js, as their documentation has them, and the adapters.
import { DrizzleAdapter } from '@auth/drizzle-adapter'
import PostgresAdapter from '@auth/pg-adapter'
import { drizzle } from 'drizzle-orm/node-postgres'

/** What differs between the adapters: `users`, `accounts` and `links` are the quoted names of tables. */
export const pgAdapter = {
  name: '@auth/pg-adapter',
  layout: 'pg',
  open: PostgresAdapter,
  users: 'users', accounts: 'accounts', links: 'verification_token',
  keys: false, // the tables have no unique keys but those of id
  schema: `
    CREATE TABLE verification_token (
      identifier TEXT NOT NULL, expires TIMESTAMPTZ NOT NULL, token TEXT NOT NULL,
      PRIMARY KEY (identifier, token)
    );
    CREATE TABLE accounts (
      id SERIAL, "userId" INTEGER NOT NULL, type VARCHAR(255) NOT NULL, provider VARCHAR(255) NOT NULL,
      "providerAccountId" VARCHAR(255) NOT NULL, refresh_token TEXT, access_token TEXT, expires_at BIGINT,
      id_token TEXT, scope TEXT, session_state TEXT, token_type TEXT,
      PRIMARY KEY (id)
    );
    CREATE TABLE sessions (
      id SERIAL, "userId" INTEGER NOT NULL, expires TIMESTAMPTZ NOT NULL, "sessionToken" VARCHAR(255) NOT NULL,
      PRIMARY KEY (id)
    );
    CREATE TABLE users (
      id SERIAL, name VARCHAR(255), email VARCHAR(255), "emailVerified" TIMESTAMPTZ, image TEXT,
      PRIMARY KEY (id)
    );`,
}

export const drizzleAdapter = {
  name: '@auth/drizzle-adapter',
  layout: 'drizzle',
  open: pool => DrizzleAdapter(drizzle(pool)),
  users: '"user"', accounts: 'account', links: '"verificationToken"',
  keys: true,
  schema: `
    CREATE TABLE "user" (id text PRIMARY KEY, name text, email text UNIQUE, "emailVerified" timestamp, image text);
    CREATE TABLE account (
      "userId" text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE, type text NOT NULL, provider text NOT NULL,
      "providerAccountId" text NOT NULL, refresh_token text, access_token text, expires_at integer, token_type text,
      scope text, id_token text, session_state text,
      PRIMARY KEY (provider, "providerAccountId")
    );
    CREATE TABLE session (
      "sessionToken" text PRIMARY KEY, "userId" text NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
      expires timestamp NOT NULL
    );
    CREATE TABLE "verificationToken" (
      identifier text NOT NULL, token text NOT NULL, expires timestamp NOT NULL,
      PRIMARY KEY (identifier, token)
    );`,
}
