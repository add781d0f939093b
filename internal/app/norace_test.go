//go:build !race

package app_test

// raced: the race detector makes everything slower.
const raced = false
