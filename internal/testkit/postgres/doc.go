// Package postgres runs a real PostgreSQL for tests and for the benchmark: one
// server a test binary, in a folder of its own, reached through a Unix socket,
// gone when the process that started it is gone, however it ended.
//
// It owns starting the server and making empty databases. The tables in them
// are internal/store's. Start needs no testing.TB; New wraps it for tests.
package postgres
