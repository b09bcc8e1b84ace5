package envfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Read reads a file, of which path may be a symbolic link. A file that does not exist is
// empty: exists is false then.
func Read(path string) (f *File, exists bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return nil, false, fmt.Errorf("%s is a symbolic link to a file that does not exist: create that file", path)
		}
		return &File{}, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if !info.Mode().IsRegular() {
		return nil, false, fmt.Errorf("%s is no regular file", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false, err
	}
	if f, err = Parse(data); err != nil {
		return nil, false, fmt.Errorf("%s: %w", path, err)
	}
	return f, true, nil
}

// Create writes a new file that the user alone can read. The error says that there is
// one, or that it can't be written.
func Create(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fill(file, data), file.Close())
}

// Replace replaces the content of a file in one step: other programs read the old content
// or the new one. The permissions and the owner stay, and a symbolic link stays one.
func Replace(path string, data []byte) (err error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(target), filepath.Base(target)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	err = errors.Join(keepOwner(file, info), file.Chmod(info.Mode().Perm()), fill(file, data), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), target)
}

// fill writes a file to its disk.
func fill(file *os.File, data []byte) error {
	if _, err := file.Write(data); err != nil {
		return err
	}
	return file.Sync()
}
