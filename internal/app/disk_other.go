//go:build !linux && !darwin

package app

import "errors"

func freeSpace(string) (uint64, error) {
	return 0, errors.New("the space left cannot be seen on this system")
}
