// Package walls says which room of the house may import which, and why: the
// tables are in rules_test.go, and the test fails with the reason when a wall
// is crossed. A new room gets a row there before anything imports it.
//
// It holds no code; the linters are in .golangci.yml.
package walls
