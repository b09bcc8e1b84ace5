package repotest_test

import (
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// composeFile has the keys of the compose specification that the guides use.
type composeFile struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Build       string            `yaml:"build"`
		Command     string            `yaml:"command"`
		Environment map[string]string `yaml:"environment"`
		Ports       []string          `yaml:"ports"`
		Volumes     []string          `yaml:"volumes"`
		DependsOn   []string          `yaml:"depends_on"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

// decodeYAML reads a document into v. A key without a field is an error.
func decodeYAML(text string, v any) error {
	d := yaml.NewDecoder(strings.NewReader(text), yaml.Strict())
	if err := d.Decode(v); err != nil {
		return err
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	return nil
}

// problems returns what Docker Compose, or the library in one of its services, would refuse.
func (f *composeFile) problems(variables []string) (all []string) {
	for name, s := range f.Services {
		if (s.Image == "") == (s.Build == "") {
			all = append(all, name+" has an image and a build, or neither")
		}
		for _, other := range s.DependsOn {
			if _, ok := f.Services[other]; !ok {
				all = append(all, name+" depends on "+other)
			}
		}
		for _, port := range s.Ports {
			if !regexp.MustCompile(`^\d+:\d+$`).MatchString(port) {
				all = append(all, name+" has the port "+port)
			}
		}
		for _, v := range s.Volumes {
			source, target, _ := strings.Cut(v, ":")
			if _, ok := f.Volumes[source]; !ok && source[0] != '.' || !strings.HasPrefix(target, "/") {
				all = append(all, name+" has the volume "+v)
			}
		}
		for key, value := range s.Environment {
			id := regexp.MustCompile(`^AUTH_[A-Z0-9_]+_(ID|SECRET|ISSUER)$`).ReplaceAllString(key, "AUTH_<ID>_$1")
			if strings.HasPrefix(key, "AUTH_") && !slices.Contains(variables, id) {
				all = append(all, name+" sets "+key)
			}
			if u, err := url.Parse(value); key == "AUTH_URL" && (err != nil || u.Host == "" || u.Path != "") {
				all = append(all, name+" has the AUTH_URL "+value)
			}
		}
	}
	return all
}

// The YAML blocks of the guides are files of Docker Compose, or objects of Kubernetes.
func TestGuides_YAML(t *testing.T) {
	inRoot(t)
	documents := documentsOf(t)
	variables := firstColumn(documents["docs/environment.md"])
	compose, objects := 0, 0
	for file, text := range documents {
		for _, m := range yamlBlock.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(m[1], "services:") {
				compose++
				var f composeFile
				if err := decodeYAML(m[1], &f); err != nil {
					t.Errorf("%s: %v", file, err)
				}
				for _, problem := range f.problems(variables) {
					t.Errorf("%s: the service %s", file, problem)
				}
				continue
			}
			objects++
			var o struct {
				APIVersion string         `yaml:"apiVersion"`
				Kind       string         `yaml:"kind"`
				Metadata   map[string]any `yaml:"metadata"`
				Spec       map[string]any `yaml:"spec"`
				Data       map[string]any `yaml:"data"`
			}
			if err := decodeYAML(m[1], &o); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if o.APIVersion == "" || o.Kind == "" || o.Metadata["name"] == nil || (o.Spec == nil) == (o.Data == nil) {
				t.Errorf("%s: no object of Kubernetes: %+v", file, o)
			}
			annotations, _ := o.Metadata["annotations"].(map[string]any)
			for _, values := range []map[string]any{annotations, o.Data} {
				for key, value := range values { // Kubernetes refuses numbers there
					if _, ok := value.(string); !ok {
						t.Errorf("%s: %s of a %s is no string", file, key, o.Kind)
					}
				}
			}
		}
	}
	if compose < 2 || objects < 2 {
		t.Errorf("%d files of Docker Compose, %d objects of Kubernetes", compose, objects)
	}
}

// The Caddyfile of the guide proxies to services of its compose file, at the address that
// the server has.
func TestGuides_CaddyfileFitsCompose(t *testing.T) {
	inRoot(t)
	text := documentsOf(t)["docs/proxies.md"]
	var f composeFile
	if err := decodeYAML(yamlBlock.FindStringSubmatch(text)[1], &f); err != nil {
		t.Fatal(err)
	}
	_, caddyfile, _ := strings.Cut(text, "```caddyfile\n")
	caddyfile, _, _ = strings.Cut(caddyfile, "```")
	if host, _, _ := strings.Cut(caddyfile, " {"); "https://"+host != f.Services["app"].Environment["AUTH_URL"] {
		t.Errorf("the address in the Caddyfile is %q", host)
	}
	targets := regexp.MustCompile(`reverse_proxy (\w+):3000\n`).FindAllStringSubmatch(caddyfile, -1)
	for _, m := range targets {
		if _, ok := f.Services[m[1]]; !ok {
			t.Errorf("the Caddyfile proxies to %s", m[1])
		}
	}
	if len(targets) != 2 {
		t.Errorf("the Caddyfile proxies to %q", targets)
	}
}
