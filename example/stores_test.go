package main

import (
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/nuxtauth/nuxtauth/store"
)

// expectNoPassword checks that an error does not contain the password of a URL.
func expectNoPassword(t *testing.T, err error) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error has the password: %v", err)
	}
}

func environment(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestStorage_Invalid(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"two of them":       {map[string]string{"REDIS_URL": "redis://:hunter2@localhost", "SESSIONS": "memory"}, []string{"REDIS_URL", "SESSIONS"}},
		"all of them":       {map[string]string{"REDIS_URL": "redis://a", "DATABASE_URL": "postgres://u:hunter2@h/d", "SESSIONS": "memory"}, []string{"REDIS_URL", "DATABASE_URL", "SESSIONS"}},
		"unknown word":      {map[string]string{"SESSIONS": "disk"}, []string{"SESSIONS", `"disk"`, "memory"}},
		"no Redis":          {map[string]string{"REDIS_URL": "http://:hunter2@localhost"}, []string{"REDIS_URL", "redis://", "rediss://"}},
		"malformed Redis":   {map[string]string{"REDIS_URL": "redis://:hunter2%zz@localhost"}, []string{"REDIS_URL", "redis://"}},
		"parameter":         {map[string]string{"REDIS_URL": "redis://:hunter2@localhost?pool=3"}, []string{"REDIS_URL", `"pool"`}},
		"SQLite":            {map[string]string{"DATABASE_URL": "file:sessions.db"}, []string{"DATABASE_URL", "postgres://"}},
		"MySQL":             {map[string]string{"DATABASE_URL": "mysql://root:hunter2@localhost/d"}, []string{"DATABASE_URL", "PostgreSQL", "postgres://"}},
		"no scheme":         {map[string]string{"DATABASE_URL": "user:hunter2@localhost/d"}, []string{"DATABASE_URL", "postgres://"}},
		"words":             {map[string]string{"DATABASE_URL": "host=localhost password=hunter2"}, []string{"DATABASE_URL", "postgres://"}},
		"malformed escape":  {map[string]string{"DATABASE_URL": "postgres://user:hunter2%zz@localhost/d"}, []string{"DATABASE_URL", "postgres://"}},
		"password as port":  {map[string]string{"DATABASE_URL": "postgres://user:hunter2"}, []string{"DATABASE_URL", "postgres://"}},
		"slash in password": {map[string]string{"DATABASE_URL": "postgres://user:/hunter2@localhost/d"}, nil},
		"unknown TLS mode":  {map[string]string{"DATABASE_URL": "postgres://user:hunter2@localhost/d?sslmode=hunter2"}, []string{"DATABASE_URL", "parameters"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readSettings(environment(c.env))
			if err == nil && c.want != nil {
				t.Fatal("there is no error")
			}
			expectNoPassword(t, err)
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error has no %s: %v", want, err)
				}
			}
		})
	}
}

func TestInstructions_Storage(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"", "", "Sessions are stored in cookies"},
		{"SESSIONS", "memory", "Sessions are stored in memory, until this process ends.\n"},
		{"REDIS_URL", "redis://user:hunter2@redis.example:6380/2", "Sessions are stored in Redis at redis.example:6380.\n"},
		{"REDIS_URL", "rediss://:hunter2@one.example?addr=two.example:6379", "Sessions are stored in Redis at one.example:6379, two.example:6379.\n"},
		{"DATABASE_URL", "postgres://user:hunter2@db.example/sessions", "Sessions are stored in PostgreSQL at db.example:5432.\n"},
		{"DATABASE_URL", "postgresql://user@[::1]:6000/sessions?password=hunter2", "Sessions are stored in PostgreSQL at [::1]:6000.\n"},
	} {
		s, err := readSettings(environment(map[string]string{c.name: c.value}))
		if err != nil {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
			continue
		}
		var out strings.Builder
		printInstructions(&out, s)
		if !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "hunter2") {
			t.Errorf("%s=%s prints:\n%s", c.name, c.value, out.String())
		}
	}
}

func TestStorage_Redis(t *testing.T) {
	server := miniredis.RunT(t)
	b := newBrowser(t, start(t, map[string]string{"REDIS_URL": "redis://" + server.Addr()}))
	b.signIn("ada", "lovelace")
	b.expectName("Ada Lovelace")
	if keys := server.Keys(); len(keys) == 0 || !strings.HasPrefix(keys[0], "nuxtauth-example:") {
		t.Errorf("Redis has the keys %q", keys)
	}
	if c := b.cookie(); c == nil || len(c.Value) != 43 {
		t.Errorf("the cookie has no handle: %v", c)
	}
}

func TestStorage_RedisDownAtStart(t *testing.T) {
	server := miniredis.RunT(t)
	address := server.Addr()
	server.Close()
	b := newBrowser(t, start(t, map[string]string{"REDIS_URL": "redis://" + address}))
	if page := b.get("/"); !strings.Contains(page.body, "Demo accounts") {
		t.Errorf("start page: status %d", page.StatusCode)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	b.signIn("ada", "lovelace")
	b.expectName("Ada Lovelace")
}

func TestStorage_PostgreSQLDown(t *testing.T) {
	address := closedPort(t)
	s, err := readSettings(environment(map[string]string{"DATABASE_URL": "postgres://user:hunter2@" + address + "/sessions?sslmode=disable"}))
	if err != nil {
		t.Fatal(err)
	}
	sessions, release, err := s.storage.open(t.Context())
	if err == nil || sessions.Store != nil || release != nil {
		t.Fatalf("open: %v", err)
	}
	expectNoPassword(t, err)
	for _, want := range []string{"PostgreSQL at " + address, "refused"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error has no %q: %v", want, err)
		}
	}
}

func TestStorage_DenyListByDefault(t *testing.T) {
	sessions, release, err := storage{}.open(t.Context())
	if err != nil || sessions.Store != nil || sessions.DenyList == nil {
		t.Fatalf("settings %+v: %v", sessions, err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
	sessions, _, err = storage{memory: true}.open(t.Context())
	if _, ok := sessions.Store.(*store.Memory); !ok || err != nil {
		t.Errorf("SESSIONS=memory: store %T: %v", sessions.Store, err)
	}
}
