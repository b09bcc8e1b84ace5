// Package modproxy builds programs with modules of this repository as their users get
// them: from a module proxy, without the workspace and without replace directives. It
// is for tests.
package modproxy

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Build installs modules of the repository whose root is the directory root in an empty
// module, and builds the program there. The modules are those in folders, relative to
// root, in the order in which their tags are made: each may require those before it at
// version. All other modules come from the module cache of this machine: those of the
// packages that the program compiles must be there.
//
// Build works in the empty directory temp, and leaves the module cache of this machine
// as it is. It needs the go and git commands.
func Build(ctx context.Context, temp, root, version, program string, folders ...string) error {
	env, modules, err := serve(ctx, temp, root, version, folders)
	if err != nil {
		return err
	}
	app := filepath.Join(temp, "app")
	if err := os.Mkdir(app, 0o700); err != nil {
		return fmt.Errorf("modproxy: %w", err)
	}
	err = cmp.Or(
		os.WriteFile(filepath.Join(app, "go.mod"), []byte("module example.com/app\n\ngo 1.26.0\n"), 0o600),
		os.WriteFile(filepath.Join(app, "main.go"), []byte(program), 0o600),
	)
	if err != nil {
		return fmt.Errorf("modproxy: %w", err)
	}
	if _, err := run(ctx, app, env, "go", "get", modules[len(modules)-1]+"@"+version); err != nil {
		return err
	}
	_, err = run(ctx, app, env, "go", "build", "-o", os.DevNull, ".")
	return err
}

// Install installs the command in the last of the folders, as "go install" does outside of
// a module, and returns the directory with the program. It has the parameters of [Build].
func Install(ctx context.Context, temp, root, version string, folders ...string) (bin string, err error) {
	env, modules, err := serve(ctx, temp, root, version, folders)
	if err != nil {
		return "", err
	}
	bin = filepath.Join(temp, "bin")
	_, err = run(ctx, temp, append(env, "GOBIN="+bin), "go", "install", modules[len(modules)-1]+"@"+version)
	return bin, err
}

// serve makes a proxy of the modules in folders, and returns their paths and the environment
// of go commands that use it.
func serve(ctx context.Context, temp, root, version string, folders []string) (env, modules []string, err error) {
	cache, err := run(ctx, root, nil, "go", "env", "GOMODCACHE")
	if err != nil {
		return nil, nil, err
	}
	proxy := filepath.Join(temp, "proxy")
	for _, folder := range folders {
		modulePath, err := write(ctx, proxy, root, folder, version)
		if err != nil {
			return nil, nil, fmt.Errorf("modproxy: the module in %s: %w", folder, err)
		}
		modules = append(modules, modulePath)
	}
	return append(os.Environ(), "GOWORK=off", "GOTOOLCHAIN=local",
			"GOPROXY="+fileURL(proxy)+","+fileURL(filepath.Join(strings.TrimSpace(cache), "cache", "download")),
			"GONOPROXY=none", "GOSUMDB=off", // whatever GOPRIVATE is
			"GOMODCACHE="+filepath.Join(temp, "mod"),
			"GOFLAGS=-mod=mod -modcacherw -trimpath -buildvcs=false"), // -trimpath: the build cache has other directories too
		modules, nil
}

// fileURL returns the URL of an absolute path.
func fileURL(file string) string {
	return "file:///" + strings.TrimPrefix(filepath.ToSlash(file), "/")
}

// run runs a command and returns its standard output. An error has all its output.
func run(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("modproxy: %s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out), nil
}

var moduleLine = regexp.MustCompile(`(?m)^module (\S+)$`)

// write adds one module to a proxy, in the form of https://go.dev/ref/mod#goproxy-protocol,
// and returns its path.
func write(ctx context.Context, proxy, root, folder, version string) (modulePath string, err error) {
	dir := filepath.Join(root, folder)
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	m := moduleLine.FindSubmatch(mod)
	if m == nil {
		return "", errors.New("go.mod has no module line")
	}
	modulePath = string(m[1])
	archive, err := zipModule(ctx, dir, modulePath+"@"+version)
	if err != nil {
		return "", err
	}
	to := filepath.Join(proxy, filepath.FromSlash(modulePath), "@v")
	if err := os.MkdirAll(to, 0o700); err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": fmt.Appendf(nil, `{"Version":%q,"Time":"2000-01-01T00:00:00Z"}`, version),
		version + ".mod":  mod,
		version + ".zip":  archive,
	} {
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			return "", err
		}
	}
	return modulePath, nil
}

// zipModule returns the module in dir as https://go.dev/ref/mod#zip-files describes it:
// the regular files that git does not ignore, without those of modules in subfolders.
func zipModule(ctx context.Context, dir, prefix string) ([]byte, error) {
	// Git refuses a repository of another user, such as that of a container, without
	// safe.directory.
	out, err := run(ctx, dir, nil, "git", "-c", "safe.directory=*", "ls-files", "-z", "--deduplicate", "--cached", "--others", "--exclude-standard", ".")
	if err != nil {
		return nil, err
	}
	files := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	var nested []string
	for _, file := range files {
		if folder, name := path.Split(file); name == "go.mod" && folder != "" {
			nested = append(nested, folder)
		}
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, file := range files {
		if slices.ContainsFunc(nested, func(folder string) bool { return strings.HasPrefix(file, folder) }) {
			continue
		}
		from := filepath.Join(dir, filepath.FromSlash(file))
		info, err := os.Lstat(from)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue // deleted and not committed, or a symbolic link
		}
		if err != nil {
			return nil, err
		}
		content, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		w, err := z.Create(prefix + "/" + file)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
