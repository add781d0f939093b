//go:build linux || darwin

package app

import (
	"fmt"
	"syscall"
)

// freeSpace is how many bytes a user that is not root may still write in a
// folder.
func freeSpace(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("look at the space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // the size of a block is not negative
}
