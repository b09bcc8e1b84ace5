package envfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nuxtauth/nuxtauth/cmd/nuxtauth/internal/envfile"
)

// One value changes, and all other bytes stay.
func TestFile_With(t *testing.T) {
	for name, tt := range map[string]struct{ old, want string }{
		"empty file":          {"", "S=new\n"},
		"byte order mark":     {"\ufeffS=old\n", "\ufeffS=new\n"},
		"mark alone":          {"\ufeff", "\ufeff\nS=new"},
		"appended":            {"A=1\n", "A=1\nS=new\n"},
		"no final newline":    {"A=1", "A=1\nS=new"},
		"CRLF":                {"A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nS=new\r\n"},
		"CRLF, no final":      {"A=1\r\nB=2", "A=1\r\nB=2\r\nS=new"},
		"CR":                  {"A=1\rB=2\r", "A=1\rB=2\rS=new\r"},
		"replaced":            {"A=1\nS=old\nB=2\n", "A=1\nS=new\nB=2\n"},
		"replaced in CRLF":    {"A=1\r\nS=old\r\nB=2", "A=1\r\nS=new\r\nB=2"},
		"replaced at the end": {"S=old", "S=new"},
		"double quotes":       {"S=\"old\"\n", "S=\"new\"\n"},
		"single quotes":       {"S='old' # c\n", "S='new' # c\n"},
		"backward quotes":     {"S=`old`\n", "S=`new`\n"},
		"quoted quote":        {`S="o\"ld" # "c"`, `S="new" # "c"`},
		"quoted lines":        {"S=\"o\nS=l\nd\"\nB=2\n", "S=\"new\"\nB=2\n"},
		"quote without end":   {"S=\"old\nB=2\n", "S=new\nB=2\n"},
		"export":              {"export S=old\n", "export S=new\n"},
		"export and tab":      {" export\tS = old \n", " export\tS = new \n"},
		"spaces":              {"  S  =  old  \n", "  S  =  new  \n"},
		"colon":               {"S: old\n", "S: new\n"},
		"no assignment":       {"S\nS:old\nexportS=1\n=2\n", "S\nS:old\nexportS=1\n=2\nS=new\n"},
		"comment":             {"S=old # comment\n", "S=new # comment\n"},
		"tab and comment":     {"S=old\t# comment\n", "S=new\t# comment\n"},
		"hash in the value":   {"S=o#ld\n", "S=new\n"},
		"spaces in the value": {"S=o l d\n", "S=new\n"},
		"no value":            {"S=\nB=2\n", "S=new\nB=2\n"},
		"no value, spaces":    {"S= \nB=2\n", "S= new\nB=2\n"},
		"no value, quotes":    {"S=\"\"\n", "S=\"new\"\n"},
		"comment alone":       {"S= # comment\n", "S=new # comment\n"},
		"comment at once":     {"S=#comment\n", "S=new #comment\n"},
		"twice":               {"S=a\nS=b\nB=2\n", "S=a\nS=new\nB=2\n"},
		"in a comment":        {"# S=old\n", "# S=old\nS=new\n"},
		"in another value":    {"A=\"x\nS=old\n\"\n", "A=\"x\nS=old\n\"\nS=new\n"},
		"in another name":     {"XS=1\nS.X=2\nS_X=3\n", "XS=1\nS.X=2\nS_X=3\nS=new\n"},
		"a line break alone":  {"\n", "\nS=new\n"},
		"two of them":         {"\r\n", "\r\nS=new\r\n"},
		"CR alone":            {"\r", "\rS=new\r"},
		"one byte":            {"A", "A\nS=new"},
		"CR twice":            {"A=1\r\r", "A=1\r\rS=new\r"},
		"mixed line breaks":   {"A=1\r\nB=2\n", "A=1\r\nB=2\nS=new\n"},
		"LF, then CR":         {"A=1\n\r", "A=1\n\rS=new\r"},
		"colon and tab":       {"S:\told\n", "S:\tnew\n"},
		"no name":             {"=old\n: old\nexport =old\n", "=old\n: old\nexport =old\nS=new\n"},
		"export alone":        {"export\nS=old\n", "export\nS=new\n"},
		"one letter":          {"S=o #c\n", "S=new #c\n"},
		"backslash":           {`S="o\\ld" # "c"`, `S="new" # "c"`},
		"blank lines":         {"\n\n \nS=old\n\n", "\n\n \nS=new\n\n"},
		"not UTF-8":           {"A=\xff\nS=old\n", "A=\xff\nS=new\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := envfile.Parse([]byte(tt.old))
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.With("S", "new")
			if err != nil || string(got) != tt.want {
				t.Fatalf("got %q, %v, want %q", got, err, tt.want)
			}
			again, err := envfile.Parse(got)
			if err != nil {
				t.Fatal(err)
			}
			if value, n := again.Get("S"); value != "new" || n == 0 {
				t.Errorf("the new file has the value %q, %d times", value, n)
			}
		})
	}
}

func TestFile_Get(t *testing.T) {
	const text = "A=1\nexport B='2 #'\nC=\"3\n3\" # c\nD=\nE: 5\nA=6 # c\n"
	f, err := envfile.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "6", "B": "2 #", "C": "3\n3", "D": "", "E": "5", "F": ""} {
		if got, _ := f.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]int{"A": 2, "D": 1, "F": 0} {
		if _, got := f.Get(name); got != want {
			t.Errorf("%s is there %d times, want %d", name, got, want)
		}
	}
}

// The characters of names are those of dotenv.
func TestFile_Names(t *testing.T) {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	for c := byte(1); c != 0; c++ {
		name := "A" + string([]byte{c}) + "B"
		f, err := envfile.Parse([]byte(name + "=1\n"))
		if err != nil {
			t.Fatal(err)
		}
		value, n := f.Get(name)
		if want := strings.IndexByte(plain+".-", c) >= 0; (n == 1 && value == "1") != want {
			t.Errorf("%q is %q, %d times", name, value, n)
		}
		value = "a" + string([]byte{c})
		got, err := f.With("S", value)
		if want := strings.IndexByte(plain+"+/=-", c) >= 0; (err == nil) != want || want && !strings.HasSuffix(string(got), "S="+value+"\n") {
			t.Errorf("%q makes %q, %v", value, got, err)
		}
	}
	f, err := envfile.Parse([]byte("=1\n: 2\nexport=3\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, n := f.Get(""); n != 0 {
		t.Errorf("there are %d variables without a name", n)
	}
	if value, n := f.Get("export"); value != "3" || n != 1 {
		t.Errorf("export is %q, %d times", value, n)
	}
}

func TestFile_Refuses(t *testing.T) {
	for _, text := range []string{"A\x00=\x001", "\x00A", "A\x00"} {
		if _, err := envfile.Parse([]byte(text)); err == nil {
			t.Errorf("%q is no error", text)
		}
	}
	for _, value := range []string{"", "a b", "a\nb", `a"`, "a#", "ä", "a$b"} {
		if got, err := new(envfile.File).With("S", value); err == nil {
			t.Errorf("%q makes %q", value, got)
		}
	}
}

// Whatever a file has, one assignment changes, and it counts.
func FuzzFile_With(f *testing.F) {
	for _, seed := range []string{"", "S=old # c\r\n", "export S='a\nb'\n", "S=\"", "S: x", "A=`S=\n`", "\ufeffS=1"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := envfile.Parse(data)
		if err != nil {
			return
		}
		old, n := file.Get("S")
		got, err := file.With("S", "new")
		if err != nil {
			t.Fatal(err)
		}
		again, err := envfile.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		if value, now := again.Get("S"); value != "new" || now != max(n, 1) {
			t.Fatalf("%q became %q: the value is %q, there are %d for %d", data, got, value, now, n)
		}
		if n == 0 && !bytes.HasPrefix(got, data) {
			t.Fatalf("%q became %q", data, got)
		}
		if n > 0 && len(got) != len(data)-len(old)+len("new") && len(got) != len(data)-len(old)+len("new ") {
			t.Fatalf("%q became %q", data, got)
		}
	})
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReplace_KeepsModeAndLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links and modes of Unix")
	}
	for _, mode := range []os.FileMode{0o600, 0o640, 0o644, 0o400} {
		dir := t.TempDir()
		shared := filepath.Join(dir, "shared")
		if err := os.Mkdir(shared, 0o700); err != nil {
			t.Fatal(err)
		}
		target, link := filepath.Join(shared, "real.env"), filepath.Join(dir, ".env")
		write(t, target, "A=1\n", mode)
		if err := os.Symlink("shared/real.env", link); err != nil {
			t.Fatal(err)
		}
		if err := envfile.Replace(link, []byte("A=2\n")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(link)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link is now %v, %v", info.Mode(), err)
		}
		info, err = os.Lstat(target)
		if err != nil || info.Mode() != mode || content(t, target) != "A=2\n" {
			t.Errorf("the file has the mode %v and %q, %v", info.Mode(), content(t, target), err)
		}
		for _, d := range []string{dir, shared} {
			if left, err := filepath.Glob(filepath.Join(d, "*.tmp")); err != nil || len(left) > 0 {
				t.Errorf("%q is left, %v", left, err)
			}
		}
	}
}

// A reader that has the file open reads the old content to its end.
func TestReplace_IsOneStep(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file can't be replaced")
	}
	path := filepath.Join(t.TempDir(), ".env")
	write(t, path, "A=1\n", 0o600)
	open, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := envfile.Replace(path, []byte("B=2\nC=3\n")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := open.Read(b); err != nil || string(b[:n]) != "A=1\n" {
		t.Errorf("the old file has %q, %v", b[:n], err)
	}
}

func TestReplace_Errors(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, filepath.Join(dir, "missing")} {
		if err := envfile.Replace(path, []byte("A=1\n")); err == nil {
			t.Errorf("%s was replaced", path)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the folder has %v, %v", left, err)
	}
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	if err := envfile.Create(path, []byte("A=1\n")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if err := envfile.Create(path, []byte("A=2\n")); err == nil || content(t, path) != "A=1\n" {
		t.Errorf("a file that is there was replaced: %v", err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	missing, link, folder := filepath.Join(dir, "missing"), filepath.Join(dir, "link"), filepath.Join(dir, "folder")
	if err := os.Symlink("nothing", link); err != nil {
		t.Skip(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "binary")
	write(t, binary, "A\x00", 0o600)
	if f, exists, err := envfile.Read(filepath.Join(binary, "x")); err == nil && (exists || f == nil) { // Windows finds none
		t.Errorf("a file in a file: %v, %t", f, exists)
	}
	right := filepath.Join(dir, "right")
	write(t, right, "A=1\n", 0o600)
	f, exists, err := envfile.Read(right)
	if err != nil || !exists {
		t.Fatalf("a file: %t, %v", exists, err)
	}
	if value, _ := f.Get("A"); value != "1" {
		t.Errorf("A is %q", value)
	}
	if f, exists, err := envfile.Read(missing); err != nil || exists || f == nil {
		t.Errorf("a missing file: %v, %t, %v", f, exists, err)
	}
	for path, want := range map[string]string{link: "symbolic link to a file that does not exist", folder: "no regular file", binary: "no text"} {
		if f, exists, err := envfile.Read(path); err == nil || f != nil || exists || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error is %v, want %q", path, err, want)
		}
	}
}
