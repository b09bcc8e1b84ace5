//go:build !unix

package envfile

import (
	"io/fs"
	"os"
)

// keepOwner does nothing: the owner of a file is that of its folder.
func keepOwner(*os.File, fs.FileInfo) error { return nil }
